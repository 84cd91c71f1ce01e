"""Works for the nodes of a workflow of Argo that have no pod: "warm" nodes, templates of type `plugin`.

Argo gives such nodes, over HTTP on localhost, to a sidecar of the workflow's one agent pod. This is the sidecar's
server. A node is a command line of a program, which it runs as a pod would: in a process of its own, with files of the
artifact store in a folder of its own, and its output in a log of its own; the exit code and what stands in files
are the node's outputs. The process is forked off one that has imported the program already, so that it starts at once.

It knows nothing of dbt: `argodbt worker` and `stocks worker` are this server with another program. The standard library
and, for the artifact store, boto3.

    server     Argo's contract over HTTP: who may ask, and what is answered
    node       what a node is given
    pool       runs nodes in processes, each once, so many at a time
    artifacts  the store that Argo's own pods use
"""

from argodbt.worker.server import serve

__all__ = ["serve"]
