-- HEAD of an empty blob: wrk takes the answer's Content-Length for a body to come, whatever the method was.
wrk.method = "HEAD"
