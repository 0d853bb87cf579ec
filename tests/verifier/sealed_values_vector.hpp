// Made by make_sealed_values.py. The keys open nothing anywhere. Everything but the names is base64.
#pragma once

namespace sealed_values {

constexpr const char* kEtcdKey = "/registry/secrets/team-a/login";
constexpr const char* kPlaintext =
    "azhzAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU"
    "5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+g"
    "oaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8v"
    "P09fb3+Pn6+/z9/v90aGUgZW5k";
constexpr const char* kConfiguration =
    "eyJraW5kIjoiRW5jcnlwdGlvbkNvbmZpZ3VyYXRpb24iLCJhcGlWZXJzaW9uIjoiYXBpc2VydmVyLmNvbmZpZy5rOHMuaW8vdjEiLCJyZXNvdX"
    "JjZXMiOlt7InJlc291cmNlcyI6WyJzZWNyZXRzIl0sInByb3ZpZGVycyI6W3siYWVzY2JjIjp7ImtleXMiOlt7Im5hbWUiOiJhZXNjYmNrZXki"
    "LCJzZWNyZXQiOiJVa3M4QWVqSHRsU3ZmK0NIbmQxUVZQSC8ySHJTMGFHSUhPVXRvY1lqQ3F3PSJ9LHsibmFtZSI6Im9sZCIsInNlY3JldCI6Im"
    "5wamh0VGpMNEpCcnc3VjVoNVpEbVE9PSJ9LHsibmFtZSI6Im9sZDoyNCIsInNlY3JldCI6Ik1GNThUWGlEMXgydG9KblprVDNEUFgzQjFTNUFR"
    "UXZ4In1dfX0seyJhZXNnY20iOnsia2V5cyI6W3sibmFtZSI6ImFlc2djbWtleSIsInNlY3JldCI6InZDNzNZQ1lTUjhuT1QrUk1PZmFoa2Q4Uk"
    "pPbjBpZmJOdFcrWWpMRUVZNlE9In0seyJuYW1lIjoiMTYiLCJzZWNyZXQiOiIzM040OHUrYU54WTh1bTNxTDArNGJ3PT0ifSx7Im5hbWUiOiIy"
    "NCIsInNlY3JldCI6ImJlWXhWWGdhejNTdTNiTDViSjJNSk5YajNPL1hlQ3lYIn1dfX0seyJzZWNyZXRib3giOnsia2V5cyI6W3sibmFtZSI6In"
    "NlY3JldGJveGtleSIsInNlY3JldCI6Ijl1US9HZXZ5bDZ4QTRpa2JWWXpORGJtbDA1b0M3ekR5QTBTcTJKb3J6THc9In0seyJuYW1lIjoic2Vj"
    "cmV0Ym94a2V5LTIwMjYtMTEtMjRUMTA6MDA6MDBaIiwic2VjcmV0IjoidDRqUDBDU2NiMFJ3cklwNG9yaFpLTHZxRExrcE1xMCtITW52MlJQbW"
    "pBVT0ifV19fSx7ImlkZW50aXR5Ijp7fX1dfV19";
struct Value {
  const char* provider;
  const char* key_name;
  const char* stored;
};
constexpr Value kValues[] = {
    {"aescbc", "aescbckey",
     "azhzOmVuYzphZXNjYmM6djE6YWVzY2Jja2V5Ok82IaP6lAn/EpKEmI4e16rLOhcLrpo7XjzSRLrv0azMtWZDNuEwz1bCqpsvqgb4IZBoIFuLUX"
     "IoDooGy+RELraUFHT0RDZexiDETpTRnRjZdnPgia/IwTLyhWfJnZrwN9utnZQSeFSSucxSvyTpZShKDzTpSiVDkTColrr67UzTbCjIyxCn3MhJ"
     "08rqnPCdcCdV2hkbyzY8ylagXHVf2cqLzd5Jo4NElQJ1V4PFHrzSm8oQsiVqZVbDQ8rmGYFY5ZPMewZ3K1mwLkArRm2oS/uRIBDyE8n1NhiumU"
     "8mXqTVndme/gCpEvHPTEyyca9dKaVswBeeoeBiJvtcK6rZGFo0rLcEioOyjOx0H+Dw/vWKpd2zKjGMWqxaEiCeE1lcDg=="},
    {"aescbc", "old",
     "azhzOmVuYzphZXNjYmM6djE6b2xkOm0Wi/kr6UkI4tlsRwOWuaJYNV0UumfOWxDa/SCPWRluh2UK3m1DWcmg/6046GEPg2h0vKGfaUU0VpdfyI"
     "HPkLgiuvPfmPneCFi3MJ59UCEWyyzeVXYcz+JrolYXfO+nNsMDmzzHLZmVcrPomxyjTXJdBAGuRrEw6bYPLbh7LN+IHSeHg97RlHNxEwyi9XHf"
     "WvT/oKnzZ7UQ27Qtcwarst0Gw/MV9db6Z3pptrcY60978Dy1iBiEH7cePDAoOzzhP3VuGTGFn/9Kh4J3WR8Cz05Ip44PJP6J65SJlPff08GzF1"
     "ppQEoUTqI6J5N+H7xih036Y0QWfvREZIQsslu26lF5agcwKZGhOjZPspSrgpkvgQ6VywOiELzNdz3sSlnhCQ=="},
    {"aescbc", "old:24",
     "azhzOmVuYzphZXNjYmM6djE6b2xkOjI0OhzkpTBp/nA02gqN6Rx401rWROTOtxLHcG8UUYBs38KQV1TASQSFaqu/R/xK92KxHDGz5XwYCN6A+o"
     "MhTLEXjAUs8KA6Csg/kCMKQcTCWytR1sxuL5g+EKnQtETYJWvjqlhiz5Z66dw4PHgbyCXo/xeC1iydRa/ingrzVdshI7f4j/ZbmVjszlgdwHYJ"
     "+kuaXGKGZFR2H1e142r/bxpYQtqS+gK3PzRfis0lv2w2/Sf8ANq3bGx1enpt5AIKPCgcba5VzTf9Kq6jnlrBEaaOKd3PNU4W/al0tUdGhe6wIO"
     "XkuaDC0IfKXSE/16MXWQ2v82g8o/fRCXblGAjdQh35Lu2A8v73QypHJLaCJa8bGP+j44oLl0wrt6xebKckFCu7cQ=="},
    {"aesgcm", "aesgcmkey",
     "azhzOmVuYzphZXNnY206djE6YWVzZ2Nta2V5OqO/lCDG9kCbS1odfd7KqOzxf/+rPKrkYvu05FFhKoE97KAFKBhDBamtRDsS19Gkk/RWexG0KF"
     "JK42ZRWdPBGKJAJD3WW22H201gBR+Ls9Gca/sMp202K1F/pgSMs8KV0d6YQ7MOCE6F69LqtfTGpKhUN1ryVMorOYrA0rrx7W0knOK0fDxOR6iY"
     "yC2nbYlW/1czJZfkAjtzlTLzqsfZCnfg12ZFfyGkMq7md9nh9xxHSlLSUXQfien35JOc3aSPg2JhQ5QdQF91Wv4Xj2D8J9A5hyiZFR6yrX3Z9A"
     "myj8Kj+amy/kll0EdVvt5CLjjQG6oRBLMed9T9O/mzyOzj/tLWfZjY+daymhvE2ZNTcxLm0ef2bMjPq8xmfghMsfzlxY9mS6lukg0="},
    {"aesgcm", "16",
     "azhzOmVuYzphZXNnY206djE6MTY6Nbo1WbxEbIb9k0nLnlxO+awULALUS97t6LKjevOIWR+UKnkgLgs/8nTQETSXzj/2GHArQ1Hv5vhmOEKdb6"
     "kLasbVXTVZr/hwisviuzOEr+ZvtSBDK6Dg/fVI5Etdtd/llEd0B8N7XpR7Ai/E0WiKddml610ja55PR4hvc0gH8qWKc/qtlk3rCy89wP2hT6WZ"
     "UPmd6xHooe6Dpd7UpH0k863YZIYzVH7XARQrVRZy1+018dpjZUvVKSU+V9nBFMVWLO5rU05+5bPeTTXn0xCEu3fBcTzi8/IAbiv0Y2hZyr0s60"
     "awBzOcl0T/zT0KgX6G4bqc+d7vvom2b8BJ2HZSnCv1C4GUZ4hV6RTKhNPQ7ausAK2yMjcyAwy2bu3RR4ANggriE/G7TQ=="},
    {"aesgcm", "24",
     "azhzOmVuYzphZXNnY206djE6MjQ68aPkCQIs7H8aFSRSUdUNCbsIKkk8tynjd8H/1+ojkvrxCIeUVGxJpR/rHkxav11HxnGym+/nddRL85HwlA"
     "G5RrctbuJJWvMa3Kseph4Dy2bAmh+WLEZsxpdaUkYF3xqYzQvTpKxtd/eIoir0MWL8vlChr3eSqjeCfF4boJecmsO0jxGHk9aUVazQXzdXjio5"
     "eQml184TFUQmUdyxzdf3VHcVVycJOpz1ihTUM81Nul/Ds6CJkSq0c4pZMR4y5ZnM5OCkSAF4tb/7QqizI/9xvsJtksN40+P2fHmIhMHOhKq7ym"
     "tIyVmRuzR1guoWXAJkdBxbriW/RaibHi+dnibNnaWkMUAJOrkBt2qRUFftMk7mQsZELP7xHUEqZ1648bnPLbLSEt3KUg=="},
    {"secretbox", "secretboxkey",
     "azhzOmVuYzpzZWNyZXRib3g6djE6c2VjcmV0Ym94a2V5OqwmrSo72NQogJTMRR6SDEa21PRsGMfLvGPaqxSrCecTklt3iUELK/JsN5JsvkKXyl"
     "aLkYsAvKu0OoTRRDXfkHvXLNwYbt+GObhEpHvt4EAk3pnU14LmC8sxmrOqqIhgSVuhDgT6HHOPYg7dhDmbLg45vOgld5Vk6WjgyYzxoHpO/q+r"
     "KE6ApHMRLfHPLsz6hXRZQJT1K9sP8AcwtDEJvZ+y1hYTzWeqVgIh4i0tMrwNd7vhNpTnOPpzlR65GtWr4e9XKVfFeHJB08B6eQB/7gCk/i/iB2"
     "l0X20yU7dJG59QJZH6GVvaDIGtGszmOmijZhN5cemrtNGdo8wB1VAL/knMaZYiNi0f+geOFoV4CsMZ6t+jX0cGjYyu4W44jArDp7/Xehzcdk2o"
     "U+my2SdKOkhzTSA="},
    {"secretbox", "secretboxkey-2026-11-24T10:00:00Z",
     "azhzOmVuYzpzZWNyZXRib3g6djE6c2VjcmV0Ym94a2V5LTIwMjYtMTEtMjRUMTA6MDA6MDBaOoralbDBKJenTd3m7v4NoZfMba33JYqG5s/UA/"
     "/fLj4uQkr6Ciq/j792vJIBetVxH1XaISH7JcFAn+GRN9FCMhL/1l4mDXNhg+VbZBv98GlvH4lp1O752HlcIsdWgeQ9Mj2cjgXCu2lwd0S9bHex"
     "X9LCU1i/jcbHrOdyyGvJNtiqljOimN4Yj4KzwAgf9Pd3lcCUb+jeSjmhEtnY2tetH8f5Bac80OfEkFSdtnane7P0TO3FHMNTFzQkGL5LEdeWk1"
     "x6y25Gd0knA/YhTg072iBcm1DXtAnfcG8CI+BgTEBHSwpUyUaFb9awdOuLGielHjHlXHkuQqTh5Az25TV5vwvIwJKcwem2L3fG7oCzMBlIijO0"
     "4HD2qmU1rO2mqmy2ZEI3oySoYDHfsO7/KdYKn/YMv50="},
};

}  // namespace sealed_values
