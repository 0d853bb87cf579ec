// Made by make_sealed_row.py. The CA and the password open nothing anywhere.
#pragma once

namespace vector {

constexpr const char* kPassword = "5f3c1b7e9a2d4c6850e1f2a3b4c5d6e7";
constexpr const char* kKey = "/bootstrap/516bad10a11e";
constexpr const char* kCaHash = "aab309f42967b70664bcbe2a9687f9b013705c9e8e70526cd0a6f6cdc8c21ad4";
constexpr const char* kSealed =
    "6a69486fbeabf885:tS/rXV9waBkLfCUOo28kQrlPIAB75LFTR8BMLxk+Hf/8Y4jmEIrVFHYlW3fEPJ6anSuxzSlxuFa3VJQ54vCCHkF4EcK3p"
    "kWRk1rGvOHTavJW1nOKK3BBgSBHU9w2jn3en9XfQtyT2XOr03dYFzxCTVRv5blVBggAhUty7GEyps7sN8TtYJK/4KuSiwU0eB5429SW2yKNU0G"
    "NDtcoKzO3tGiT5ph8bTziK+IYpQuWGLCBmdAu7HClFx/XrW5gcKimQxzW1TuPHWUb7yf+uU9dch4dNPacx+PegZ60ZLZck39tYtu1Vo5M7PUbP"
    "oNU0oVXLXIxHA3S9rICAINMUTxzDsb0MAeLD5J/CaDib91QwIO1E3xildrqhPSGh9K8wsERZLZhtsfaSn5YKtUt6UCltYnFIQMOsak6q4Jc9lq"
    "y+KooMO5BXE3IhcbEl389r6BgUsAqLcINKGgX1k2lGOxyNXzWc/TpLYkSxTt380oVI5/mSFnZbxOHYhamUKKBvUV2jmtP8i6HrWcjNmWkGi3hz"
    "AkvtpGMAU50R89M7X2evlTiLnyD8LKrfq3/eUssXTrLYb6zoZiWyswAA4HJDFKJZyHx94TvpP+kloxvHLATk1qSfWWkfRPG6v0/jZlGqinnKcp"
    "m98Bqyx4ZAY0UwPOktu2gPzKHrUhyMgPSTP0ZGjPRMoRQkncVA+y5rafktJpaTE/b0aGw1qKInWhts87NI2+Z/PCoOhNbOPkGMYJqbQ7eQeDSP"
    "fqWaoggl9WrbECVOAx1YQJMxbmB66G8Lgz/6vRCpQNO7/BGDPZkRDJ66zbkbDC/Lx/BvPf66kpQYrQ8S1ZB2eDx3a9T9sVdze8z07YXvP1aCOf"
    "DNHVQMDoG4KN9tRV87TfDwYFuN/dAHDiZ5Mpbnbr38y9WSS1CjPqYVZzyjixJhPksfMTupJHif42XWs/FPqmUsnSlCzIbxZcc65mSbPYa9WP+B"
    "/+wwRH+iyThJnyHk0HB+vnDhO2MBvgZhN3DfhLoszqIuea7RBoz6QqRVpwptNd+b2atVgv83c4Dsxr4lcUu20W35hRB6Cq/7x+puQHA+HuoD9D"
    "LyB6HjRhncChw8GpkDjXUpocharZp7dnMhJzwmFC1c0EzfcyQloZSfCn0LM6won3tUP/qtPBYqdsBKB1mY4031SebttOeAVR221ffwHu2NlFgG"
    "fpKOJn1Fwgl07MHcTeGs2C/C2tm7HdC7RGSmUborl2hjyptpiB0rR+JuUEOwJnhm+3gIHskS8UeeR1FEOZ7T3wL+xsnRzc/VURHa21cgkS/bxr"
    "/reEefHMowbY=";

}  // namespace vector
