"""A client for another protocol that reports to Locust itself, as in "Testing other systems"."""

import time
from xmlrpc.client import Fault, ServerProxy

from locust import User, constant, task
from locust.exception import StopUser


class XmlRpcClient(ServerProxy):
    def __init__(self, host, request_event):
        super().__init__(host)
        self._request_event = request_event

    def __getattr__(self, name):
        def wrapper(*args, **kwargs):
            meta = {
                "request_type": "xmlrpc",
                "name": name,
                "response_length": 0,
                "response": None,
                "context": {},
                "exception": None,
                "start_time": time.time(),
            }
            begun = time.perf_counter()
            try:
                meta["response"] = ServerProxy.__getattr__(self, name)(*args, **kwargs)
            except (Fault, Exception) as error:
                meta["exception"] = error
            meta["response_time"] = (time.perf_counter() - begun) * 1000
            self._request_event.fire(**meta)
            return meta["response"]

        return wrapper


class XmlRpcUser(User):
    wait_time = constant(0.05)

    def __init__(self, environment):
        super().__init__(environment)
        self.client = XmlRpcClient(self.host, request_event=environment.events.request)

    @task
    def get_time(self):
        self.client.get_time()
        raise StopUser
