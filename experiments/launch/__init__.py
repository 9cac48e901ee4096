"""One training over several processes, on this machine or many: started, watched, ended and started again."""
