"""Asks once and again without a pause, with the client and the method that the environment names, a hundred times in all."""

import os

from locust import FastHttpUser, HttpUser, constant, task
from locust.exception import StopUser

METHOD, TIMES = os.environ["ASKING_METHOD"], int(os.environ["ASKING_TIMES"])
Client = {"fast": FastHttpUser, "requests": HttpUser}[os.environ["ASKING_CLIENT"]]
asked = 0


class Asking(Client):
    wait_time = constant(0)

    @task
    def ask(self):
        global asked
        if asked >= TIMES:
            raise StopUser
        asked += 1
        self.client.request(METHOD, "/one")
