#include "http.hpp"

#include <algorithm>
#include <cctype>

#include "errors.hpp"

namespace seatrial {

namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
    return text;
}

/// `Name: value` into the headers.
void add_header(const std::string& line, std::map<std::string, std::string>& headers) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return;
    const std::size_t start = line.find_first_not_of(" \t", colon + 1), end = line.find_last_not_of(" \t\r\n");
    headers[lower(line.substr(0, colon))] = start == std::string::npos || start > end ? "" : line.substr(start, end - start + 1);
}

}  // namespace

}  // namespace seatrial

#ifdef SEATRIAL_WITH_CURL

#include <memory>
#include <mutex>

#include <curl/curl.h>

namespace seatrial {

namespace {

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* into) {
    static_cast<HttpResponse*>(into)->body.append(data, size * count);
    return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* into) {
    add_header(std::string(data, size * count), static_cast<HttpResponse*>(into)->headers);
    return size * count;
}

}  // namespace

HttpResponse exchange(const std::string& method, const std::string& url, const Headers& headers, const std::string& body,
                      std::chrono::milliseconds limit) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    // One handle a thread keeps its connection for the next request.
    thread_local const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
    CURL* curl = handle.get();
    if (!curl) throw Unavailable("libcurl cannot be started");
    curl_easy_reset(curl);
    HttpResponse response;
    char reason[CURL_ERROR_SIZE] = {};
    std::unique_ptr<curl_slist, void (*)(curl_slist*)> list(curl_slist_append(nullptr, "Expect:"), curl_slist_free_all);
    for (const auto& [name, value] : headers) list.reset(curl_slist_append(list.release(), (name + ": " + value).c_str()));
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
    if (method == "POST") {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(limit.count())));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    const CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        throw Unavailable(url + " does not answer: " + (reason[0] ? reason : curl_easy_strerror(code)));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    return response;
}

}  // namespace seatrial

#else

#include <cerrno>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace seatrial {

namespace {

using Clock = std::chrono::steady_clock;

struct Address {
    std::string host, port, path;
};

Address parsed(const std::string& url) {
    const std::string scheme = "http://";
    if (url.compare(0, scheme.size(), scheme) != 0)
        throw Unavailable("this build speaks http:// only, not " + url, "build with libcurl for https://");
    const std::size_t slash = std::min(url.find('/', scheme.size()), url.size());
    const std::string place = url.substr(scheme.size(), slash - scheme.size());
    const std::size_t colon = place.find(':');
    Address address{place.substr(0, colon), colon == std::string::npos ? "80" : place.substr(colon + 1), url.substr(slash)};
    if (address.path.empty()) address.path = "/";
    return address;
}

/// A connection that gives up at its deadline.
class Connection {
public:
    Connection(const Address& address, const std::string& url, Clock::time_point deadline) : url_(url), deadline_(deadline) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (const int code = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found)) fail(gai_strerror(code));
        const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, freeaddrinfo);
        for (const addrinfo* each = found; each; each = each->ai_next) {
            socket_ = socket(each->ai_family, each->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, each->ai_protocol);
            if (socket_ >= 0 && connected(*each)) return;
            error_ = errno;
            close();
        }
        fail(std::strerror(error_));
    }
    ~Connection() { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void send_all(const std::string& data) {
        for (std::size_t at = 0; at < data.size();) {
            const ssize_t count = ::send(socket_, data.data() + at, data.size() - at, MSG_NOSIGNAL);
            if (count > 0)
                at += static_cast<std::size_t>(count);
            else if (errno == EAGAIN || errno == EINTR)
                wait(POLLOUT);
            else
                fail(std::strerror(errno));
        }
    }

    /// What has come; empty at the end.
    std::string receive() {
        char buffer[65536];
        for (;;) {
            const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
            if (count >= 0) return std::string(buffer, static_cast<std::size_t>(count));
            if (errno != EAGAIN && errno != EINTR) fail(std::strerror(errno));
            wait(POLLIN);
        }
    }

    [[noreturn]] void fail(const std::string& why) const { throw Unavailable(url_ + " does not answer: " + why); }

private:
    std::string url_;
    Clock::time_point deadline_;
    int socket_ = -1, error_ = 0;

    void close() {
        if (socket_ >= 0) ::close(socket_);
        socket_ = -1;
    }

    bool connected(const addrinfo& address) {
        if (connect(socket_, address.ai_addr, address.ai_addrlen) == 0) return true;
        if (errno != EINPROGRESS) return false;
        wait(POLLOUT);
        socklen_t size = sizeof error_;
        getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error_, &size);
        errno = error_;
        return error_ == 0;
    }

    void wait(short what) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
        pollfd watched{socket_, what, 0};
        if (left <= 0 || poll(&watched, 1, static_cast<int>(std::min<long long>(left, 1 << 30))) == 0) fail("the time is over");
    }
};

/// The body behind the sizes of its chunks; false while a part is missing.
bool unchunked(const std::string& raw, std::string& body) {
    body.clear();
    for (std::size_t at = 0;;) {
        const std::size_t end = raw.find("\r\n", at);
        if (end == std::string::npos) return false;
        const std::size_t size = std::strtoul(raw.c_str() + at, nullptr, 16);
        if (!size) return true;
        if (size > raw.size() || end + 4 + size > raw.size()) return false;
        body.append(raw, end + 2, size);
        at = end + 4 + size;
    }
}

}  // namespace

HttpResponse exchange(const std::string& method, const std::string& url, const Headers& headers, const std::string& body,
                      std::chrono::milliseconds limit) {
    const Address address = parsed(url);
    Connection connection(address, url, Clock::now() + limit);
    std::string request = method + " " + address.path + " HTTP/1.1\r\nHost: " + address.host + ":" + address.port + "\r\nConnection: close\r\n";
    for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
    if (method == "POST") request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    connection.send_all(request + "\r\n" + (method == "POST" ? body : ""));
    std::string raw;
    std::size_t head = std::string::npos;
    HttpResponse response;
    for (;;) {
        const std::string more = connection.receive();
        raw += more;
        if (head == std::string::npos && (head = raw.find("\r\n\r\n")) != std::string::npos) {
            if (raw.compare(0, 5, "HTTP/") != 0) connection.fail("this is no HTTP");
            response.status = std::atoi(raw.c_str() + std::min(raw.find(' '), head));
            for (std::size_t at = raw.find("\r\n"); at < head;) {
                const std::size_t end = raw.find("\r\n", at + 2);
                add_header(raw.substr(at + 2, end - at - 2), response.headers);
                at = end;
            }
        }
        if (head != std::string::npos) {
            const auto length = response.headers.find("content-length");
            const bool chunked = lower(response.headers["transfer-encoding"]) == "chunked";
            if (chunked) {
                if (unchunked(raw.substr(head + 4), response.body)) return response;
            } else if (length != response.headers.end() && raw.size() - head - 4 >= std::strtoul(length->second.c_str(), nullptr, 10)) {
                response.body = raw.substr(head + 4, std::strtoul(length->second.c_str(), nullptr, 10));
                return response;
            } else if (more.empty() && length == response.headers.end()) {
                response.body = raw.substr(head + 4);
                return response;
            }
        }
        if (more.empty()) connection.fail("it ended in the middle of a response");
    }
}

}  // namespace seatrial

#endif
