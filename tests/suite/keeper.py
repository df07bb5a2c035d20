# SPDX-License-Identifier: ISC
"""What a module's tests share: servers and what they need, which all end with it."""


class Keeper:
    """`start` makes what there is to make and hands it to `kept`. All of that is closed in reverse order, also
    when `start` fails halfway."""

    def __init__(self, *args):
        self.closers = []
        try:
            self.start(*args)
        except BaseException:
            self.close()
            raise

    def start(self):
        raise NotImplementedError

    def kept(self, what):
        self.closers.insert(0, what.close)
        return what

    def close(self):
        for closer in self.closers:
            closer()
