"""``python -m lts_batch`` is ``lts-batch``."""

from lts_batch.cli import main

if __name__ == "__main__":
    main()
