"""Four users, then eight, then none."""

from locust import FastHttpUser, LoadTestShape, constant, task


class Steps(LoadTestShape):
    def tick(self):
        if self.get_run_time() < 1.5:
            return 4, 100
        if self.get_run_time() < 3.5:
            return 8, 100
        return None


class Walker(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def walk(self):
        self.client.get("/one")
