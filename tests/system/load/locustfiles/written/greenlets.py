"""Requests in parallel, as in "Increase performance": one of the greenlets dies."""

import gevent
from gevent.pool import Pool
from locust import HttpUser, constant, task
from locust.exception import StopUser


class Page(HttpUser):
    wait_time = constant(0.02)

    def part(self, number):
        self.client.get("/part")
        if number == 2:
            raise ValueError("the second part is missing")

    @task
    def load(self):
        pool = Pool(3)
        for number in range(3):
            pool.spawn(self.part, number)
        pool.join()
        gevent.spawn(self.client.get, "/beacon").join()
        raise StopUser
