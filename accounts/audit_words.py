"""How the record of changes is said: one sentence for each action.

The sentence goes on after who did it; `{}` is what it was done to, such as "persona
Maestro". An action of a kind of thing that has no sentence is said by its verb.
"""

SENTENCES = {
    "aisettings default_changed": "changed the model that answers {}",
    "aisettings switched_off": "switched AI off for {}",
    "aisettings switched_on": "switched AI on for {}",
    "alias added": "gave {} an alias for the whole site",
    "alias removed": "took an alias for the whole site from {}",
    "endpoint changed": "changed {}",
    "endpoint connected": "connected {}",
    "endpoint deleted": "deleted {}",
    "endpoint resumed": "let {} be called again after its failures",
    "endpoint switched_off": "switched {} off",
    "endpoint switched_on": "switched {} on",
    "group created": "made the {}",
    "group deleted": "deleted the {}",
    "group member_added": "added a member to the {}",
    "group member_removed": "took a member out of the {}",
    "group renamed": "renamed the {}",
    "hours changed": "changed the {}",
    "hours created": "set the {}",
    "hours deleted": "deleted the {}",
    "hours switched_off": "switched the {} off",
    "hours switched_on": "switched the {} on",
    "limit changed": "changed {}",
    "limit created": "set {}",
    "limit deleted": "deleted {}",
    "limit switched_off": "switched {} off",
    "limit switched_on": "switched {} on",
    "llmconfig changed": "changed the {}",
    "llmconfig created": "made the {}",
    "llmconfig deleted": "deleted the {}",
    "llmconfig made_default": "made the {} the site's default",
    "modelprice changed": "changed a price at {}",
    "modelprice entered": "entered a price at {}",
    "modelprice removed": "removed a price at {}",
    "own_key added": "added a key of their own for {}",
    "own_key removed": "removed their own key for {}",
    "own_key replaced": "replaced their own key for {}",
    "own_key tested": "tested their own key for {}",
    "persona created": "made {}",
    "persona default_ended": "ended that {} is the site's default",
    "persona deleted": "deleted {}",
    "persona imported": "imported {}",
    "persona made_default": "made {} the site's default",
    "persona model_changed": "changed the model of {}",
    "persona person_added": "added somebody who shapes {}",
    "persona person_removed": "took somebody from those who shape {}",
    "persona published": "published a version of {}",
    "persona role_changed": "changed the role of somebody who shapes {}",
    "persona shared": "changed who may use {}",
    "persona transferred": "handed {} over",
    "personaversion erased": "erased {}",
    "profile changed": "pointed the {} to another model",
    "prompt read": "read the whole prompt of {}",
    "redirect made": "let another model answer, by {}",
    "redirect undone": "undid {}",
    "request asked_again": "asked again, as {}",
    "simulated_failure set": "let calls to {} fail",
    "simulated_failure stopped": "ended the simulated failures of {}",
    "sitesettings changed": "changed the site's settings",
    "stop lifted": "lifted {}",
    "stop set": "stopped calls to models, as {}",
    "subforum default_cleared": "took the default persona from {}",
    "subforum default_set": "set the default persona of {}",
    "subforum persona_assigned": "assigned a persona to {}",
    "subforum persona_unassigned": "took a persona from {}",
    "subforum pinned": "pinned the models of {}",
    "systemprompt changed": "changed the {} of the site",
    "systemprompt created": "wrote the {} for the site",
    "systemprompt deleted": "deleted the {} of the site",
    "systemprompt made_default": "made the {} the site's default",
    "user roles_changed": "changed the roles of {}",
}

# What pages call the kinds of things whose name in the code is another.
_KINDS = {
    "hours": "opening hours",
    "llmconfig": "model",
    "personaversion": "version",
    "sitesettings": "site",
    "systemprompt": "prompt",
    "user": "member",
}


def sentence_of(action: str) -> str:
    """What is said of an action after who did it, with `{}` for what it was done to."""
    verb = action.partition(" ")[2] or action
    return SENTENCES.get(action) or f"{verb.replace('_', ' ')} {{}}"


def word_for(kind: str) -> str:
    """What pages call a kind of thing."""
    return _KINDS.get(kind, kind)


def kind_called(word: str) -> str:
    """The kind of thing that pages call `word`; a word of no page is taken as it is."""
    kinds = {said: kind for kind, said in _KINDS.items()}
    return kinds.get(word.lower(), word)
