"""`python -m argodbt` is the command `argodbt`."""

from argodbt.cli import main

if __name__ == "__main__":
    main()
