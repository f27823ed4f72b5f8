# lodge-user: user-mode emulation. Empty until it is begun.
