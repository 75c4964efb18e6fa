"""Task sets within task sets, as in "Writing a locustfile": interrupt, on_start, on_stop, and one that raises deep inside."""

from locust import HttpUser, TaskSet, constant, task
from locust.exception import StopUser


class Forum(TaskSet):
    def on_start(self):
        self.turns = 0
        self.client.get("/forum")

    def on_stop(self):
        self.client.get("/forum/left")

    @task
    class Thread(TaskSet):
        def on_start(self):
            self.turns = 0

        @task
        def read(self):
            self.turns += 1
            self.client.get("/thread")
            if self.turns == 2:
                raise ValueError("no such page")
            if self.turns == 3:
                self.user.client.get("/thread/back")
                self.parent.user.rounds += 1
                if self.user.rounds == 2:
                    raise StopUser
                self.interrupt(reschedule=False)


class Reader(HttpUser):
    wait_time = constant(0.02)
    tasks = {Forum: 1}
    rounds = 0
