"""As much of Ray as engines need, in this process: workers that answer when waited for, and die on demand."""

from __future__ import annotations

from types import SimpleNamespace

from evobuild.core.errors import UserError


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


class ActorDiedError(RayError):
    pass


class Handle:
    """A worker. dead: whatever it is asked fails; hidden: it never gets a place."""

    def __init__(self, actor, hidden):
        self.actor, self.hidden, self.dead = actor, hidden, False
        self.asked = []

    def __getattr__(self, name):
        return SimpleNamespace(remote=lambda *given: Ref(self, name, given))


class Ref:
    """A call; those for replies wait until there are some to give."""

    def __init__(self, handle, name, given):
        self.handle, self.name, self.given = handle, name, given
        if name == "submit":
            handle.asked += given[0]
            handle.actor.submit(*given)

    @property
    def ready(self):
        if self.handle.hidden:
            return False
        actor = self.handle.actor
        waits = self.name == "collect" and not (actor._inside or actor._waiting or actor._submitted.qsize())
        return self.handle.dead or not waits


class FakeRay:
    """The module `ray`. dies: told of each worker that is to give replies, says whether it is gone."""

    def __init__(self, dies=lambda handle: False, places=1000, resources=None):
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
        self.dies, self.places, self.handles = dies, places, []
        self.resources = resources or {"CPU": 4.0}
        self.claims, self.inits, self.is_up = [], [], False

    def init(self, **options):
        self.inits.append(options)
        self.is_up = True

    def is_initialized(self):
        return self.is_up

    def shutdown(self):
        self.is_up = False

    def cluster_resources(self):
        return self.resources

    available_resources = cluster_resources

    def remote(self, **options):
        def begin(kind, given):
            self.claims.append(options)
            handle = Handle(kind(*given), hidden=len(self.handles) >= self.places)
            self.handles.append(handle)
            return handle

        return lambda kind: SimpleNamespace(remote=lambda *given: begin(kind, given))

    def wait(self, refs, num_returns, timeout):
        # The last first: nothing may depend on the order. One call of a worker takes all its replies.
        by_call = {(id(ref.handle), ref.name): ref for ref in reversed(refs) if ref.ready}
        ready = list(by_call.values())[:num_returns]
        return ready, [ref for ref in refs if ref not in ready]

    def get(self, ref):
        if ref.name in ("collect", "measure") and self.dies(ref.handle):
            ref.handle.dead = True
        if ref.handle.dead:
            raise ActorDiedError("The actor died unexpectedly.")
        try:
            return getattr(ref.handle.actor, ref.name)(*ref.given)
        except UserError as error:
            raise RayTaskError(error) from error

    def kill(self, handle):
        handle.dead = True
