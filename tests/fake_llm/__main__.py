"""The fake provider as a process of its own."""

import argparse
from pathlib import Path

from tests.fake_llm.server import FakeLLM


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    fake = FakeLLM(options.port, options.log)
    print(fake.address, flush=True)
    fake.serve()


if __name__ == "__main__":
    main()
