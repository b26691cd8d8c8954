"""AppsFlyer: what is sent, how it is answered, and a stand-in that answers as documented."""
