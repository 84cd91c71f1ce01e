"""A dbt project as a DAG of Argo Workflows, and what the pods of it run.

Modules in the order in which they build on each other:

    errors                     what went wrong, and whether Argo shall try again
    manifest, dag, task_names  dbt's manifest; order and ancestry; names that Kubernetes takes
    fuse, graph                the tasks of a project, at the granularity that is asked for
    dbt, results, tasks        dbt in this process; what it said; the nodes of one task, over several tries
    selection                  what is asked for, and what that selects
    hooks                      what a project may do before and after a build
    build                      prepare, task and finish: each in a pod of its own, or all in one process
    drawing, templates         the graph as JSON, as a picture, and as templates of Argo (these alone need Hera)
    cli                        the command `argodbt`
"""
