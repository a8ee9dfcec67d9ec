"""Who answers with what, and why: one chain, and the receipt it writes."""
