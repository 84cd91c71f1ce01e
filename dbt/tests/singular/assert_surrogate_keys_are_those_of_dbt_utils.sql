{#-
    Detects: a surrogate key that isn't the one which dbt_utils.generate_surrogate_key gives.
    Why: keys are kept by readers; they must not change with the macro's package, nor with a session's date style.
    A row: a list of fields, with the key expected and got.
-#}
with

vectors (fields, expected, got) as (

    values
    ('AAPL', '8b10e4ae9eeb5684921a9ab27e4d87aa', {{ generate_surrogate_key(["'AAPL'"]) }}),
    (
        'AAPL, 2012-09-21',
        '98228242116331ecc811a34bfbd07ab2',
        {{ generate_surrogate_key(["'AAPL'", "date '2012-09-21'"]) }}
    ),
    ('null', 'f14cc5cdce0420f4a5a6b6d9d7b85f39', {{ generate_surrogate_key(["null"]) }})

)

select fields, expected, got
from vectors
where got <> expected
