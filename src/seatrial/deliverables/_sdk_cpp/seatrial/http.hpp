// One HTTP exchange: through libcurl where it is built in, else over a plain socket (http:// only).
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace seatrial {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
    int status = 0;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;
};

/// Sends a request and waits for the whole response, `limit` at most. Throws Unavailable when nobody answers in
/// time, with the reason; any status that came back is a response.
HttpResponse exchange(const std::string& method, const std::string& url, const Headers& headers, const std::string& body,
                      std::chrono::milliseconds limit);

}  // namespace seatrial
