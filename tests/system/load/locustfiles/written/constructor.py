"""A user that cannot be made."""

from locust import HttpUser, constant, task


class Member(HttpUser):
    wait_time = constant(0.05)

    def __init__(self, environment):
        super().__init__(environment)
        self.number = int("member")

    @task
    def look(self):
        self.client.get("/look")
