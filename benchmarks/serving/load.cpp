// Asks one server on this machine the same question many times and says how long the answers took.
//
//   load --port P --path /x [--body FILE] [-H 'Name: value']... [--expect TEXT] --seconds S [--warm W]
//        [--drain D] [--connections N] [--rate R --seed K | --rate R --seed K --schedule]
//
// Closed loop (no --rate): each of N connections sends its next request when its answer is there.
// Open loop (--rate): requests are due at times drawn beforehand (Poisson, from the seed), whatever the server
// does, and each latency counts from when the request was due: a stalled server does not hide the requests
// that it kept from being sent (no coordinated omission). --schedule prints those times and asks nobody.
//
// One thread, epoll, HTTP/1.1 keep-alive, 127.0.0.1 only. What is due in the first W seconds is asked but not
// counted; D seconds after the end what has no answer counts as unfinished. `rps` are answers of status 200 that
// came in the S seconds. Prints one JSON object.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <strings.h>
#include <vector>

namespace {

constexpr int kMostConnections = 4096;
constexpr size_t kMostRequests = 5'000'000;
constexpr double kMostSeconds = 4000;
constexpr uint32_t kTimer = 0xffffffff;

[[noreturn]] void refuse(const std::string& why) {
    std::fprintf(stderr, "load: %s\n", why.c_str());
    std::exit(2);
}

double now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Options {
    int port = 0;
    int connections = 1;
    double seconds = 5, warm = 1, drain = 3, rate = 0;
    uint64_t seed = 1;
    bool schedule = false;
    std::string path = "/", body_file, expect;
    std::vector<std::string> headers;
};

Options read_options(int count, char** words) {
    Options options;
    for (int i = 1; i < count; i++) {
        const std::string word = words[i];
        if (word == "--schedule") {
            options.schedule = true;
            continue;
        }
        if (i + 1 == count) refuse(word + " needs a value");
        const std::string value = words[++i];
        if (word == "--port") options.port = std::stoi(value);
        else if (word == "--path") options.path = value;
        else if (word == "--body") options.body_file = value;
        else if (word == "-H") options.headers.push_back(value);
        else if (word == "--expect") options.expect = value;
        else if (word == "--connections") options.connections = std::stoi(value);
        else if (word == "--seconds") options.seconds = std::stod(value);
        else if (word == "--warm") options.warm = std::stod(value);
        else if (word == "--drain") options.drain = std::stod(value);
        else if (word == "--rate") options.rate = std::stod(value);
        else if (word == "--seed") options.seed = std::stoull(value);
        else refuse("unknown option " + word);
    }
    if (!options.schedule && (options.port < 1 || options.port > 65535)) refuse("--port: 1 to 65535");
    if (options.connections < 1 || options.connections > kMostConnections) refuse("--connections: 1 to 4096");
    const double total = options.seconds + options.warm + options.drain;
    if (!(options.seconds > 0) || options.warm < 0 || options.drain < 0 || !(total <= kMostSeconds))
        refuse("--seconds, --warm, --drain: 4000 s in all at most");
    if (options.rate < 0 || options.rate * total > static_cast<double>(kMostRequests)) refuse("--rate: too many requests");
    return options;
}

// When requests are due, in seconds from the start. The generator is fixed by the standard and the
// distribution is written out, so that a seed means the same times everywhere.
std::vector<double> due_times(const Options& options) {
    std::mt19937_64 random(options.seed);
    std::vector<double> times;
    const double end = options.warm + options.seconds;
    for (double at = 0;;) {
        const double uniform = static_cast<double>((random() >> 11) + 1) * 0x1.0p-53;  // (0, 1]
        at -= std::log(uniform) / options.rate;
        if (at >= end) return times;
        times.push_back(at);
    }
}

// Reads one HTTP response as it comes in; `length` of a complete one, 0 until then.
class Response {
public:
    int status = 0;
    bool closes = false;

    void clear() {
        text_.clear();
        head_ = 0;
        status = 0;
        closes = chunked_ = false;
        announced_ = -1;
    }
    void add(const char* data, size_t size) { text_.append(data, size); }
    bool complete() {
        if (!head_ && !read_head()) return false;
        if (chunked_) return last_chunk();
        return announced_ >= 0 && text_.size() >= head_ + static_cast<size_t>(announced_);
    }
    bool holds(const std::string& wanted) const { return text_.find(wanted, head_) != std::string::npos; }
    bool empty() const { return text_.empty(); }

private:
    bool read_head() {
        const size_t end = text_.find("\r\n\r\n");
        if (end == std::string::npos) return false;
        head_ = end + 4;
        status = text_.size() > 12 ? std::atoi(text_.c_str() + 9) : 0;
        for (size_t at = text_.find("\r\n") + 2; at < end;) {
            const size_t stop = text_.find("\r\n", at);
            field(text_.substr(at, stop - at));
            at = stop + 2;
        }
        return true;
    }
    void field(const std::string& line) {
        const size_t colon = line.find(':');
        if (colon == std::string::npos) return;
        const std::string value = line.substr(std::min(line.size(), line.find_first_not_of(" \t", colon + 1)));
        const auto named = [&](const char* name) {
            return colon == std::strlen(name) && strncasecmp(line.c_str(), name, colon) == 0;
        };
        if (named("content-length")) announced_ = std::atol(value.c_str());
        else if (named("transfer-encoding")) chunked_ = strcasestr(value.c_str(), "chunked") != nullptr;
        else if (named("connection")) closes = strcasestr(value.c_str(), "close") != nullptr;
    }
    bool last_chunk() const {
        for (size_t at = head_;;) {
            const size_t line = text_.find("\r\n", at);
            if (line == std::string::npos) return false;
            const size_t size = std::strtoul(text_.c_str() + at, nullptr, 16);
            at = line + 2 + size + 2;
            if (text_.size() < at) return false;
            if (size == 0) return true;
        }
    }

    std::string text_;
    size_t head_ = 0;
    long announced_ = -1;
    bool chunked_ = false;
};

struct Connection {
    int socket = -1;
    bool busy = false;
    double since = 0;  // when the request was due (open loop) or sent (closed loop)
    size_t sent = 0;
    Response response;
};

struct Counts {
    std::vector<double> answered, refused;  // seconds, of status 200 and of all others
    std::map<int, long> status;
    long sent = 0, in_time = 0, errors = 0, unfinished = 0, unexpected = 0, reconnects = 0;
    size_t backlog = 0;
};

class Load {
public:
    Load(const Options& options, std::string request)
        : options_(options), request_(std::move(request)), open_(options.rate > 0) {
        if (open_) due_ = due_times(options_);
        poll_ = epoll_create1(EPOLL_CLOEXEC);
        connections_.resize(static_cast<size_t>(options_.connections));
    }

    Counts run() {
        begin_ = now();
        counted_ = begin_ + options_.warm;
        end_ = counted_ + options_.seconds;
        if (open_) watch_time();
        for (uint32_t each = 0; each < connections_.size(); each++) connect(each);
        for (uint32_t each = 0; each < connections_.size(); each++) next(each);
        while (!over()) turn();
        for (const Connection& each : connections_)
            if (each.busy && each.since >= counted_ && each.since < end_) counts_.unfinished++;
        counts_.unfinished += static_cast<long>(waiting_.size());
        if (!open_) counts_.unfinished = 0;  // each connection has one under way when the time is up
        return std::move(counts_);
    }

private:
    bool over() const {
        const double time = now();
        if (time < end_) return false;
        if (!open_ || time >= end_ + options_.drain) return true;
        const bool busy = std::any_of(connections_.begin(), connections_.end(), [](const Connection& each) { return each.busy; });
        return !busy && waiting_.empty();
    }

    void turn() {
        if (open_) send_what_is_due();
        epoll_event events[512];
        const int found = epoll_wait(poll_, events, 512, 20);
        for (int each = 0; each < found; each++) {
            const uint32_t which = events[each].data.u32;
            if (which == kTimer) {
                uint64_t expirations = 0;
                if (read(timer_, &expirations, sizeof expirations) < 0) continue;
            } else {
                if (events[each].events & EPOLLOUT) push(which);
                if (events[each].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) pull(which);
            }
        }
    }

    // -- open loop ---------------------------------------------------------------------------------------
    void watch_time() {
        timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = kTimer;
        epoll_ctl(poll_, EPOLL_CTL_ADD, timer_, &event);
    }

    void send_what_is_due() {
        const double time = now();
        for (; place_ < due_.size() && begin_ + due_[place_] <= time; place_++) {
            const double due = begin_ + due_[place_];
            if (idle_.empty()) {
                waiting_.push_back(due);
                counts_.backlog = std::max(counts_.backlog, waiting_.size());
            } else {
                const uint32_t which = idle_.back();
                idle_.pop_back();
                ask(which, due);
            }
        }
        if (place_ == due_.size()) return;
        const double wait = std::max(1e-6, begin_ + due_[place_] - now());
        itimerspec when{};
        when.it_value.tv_sec = static_cast<time_t>(wait);
        when.it_value.tv_nsec = static_cast<long>((wait - std::floor(wait)) * 1e9);
        timerfd_settime(timer_, 0, &when, nullptr);
    }

    // -- connections -------------------------------------------------------------------------------------
    void connect(uint32_t which) {
        Connection& mine = connections_[which];
        mine.socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (mine.socket < 0) refuse(std::string("socket: ") + std::strerror(errno));
        const int yes = 1;
        setsockopt(mine.socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(options_.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int begun = ::connect(mine.socket, reinterpret_cast<sockaddr*>(&address), sizeof address);
        if (begun < 0 && errno != EINPROGRESS) refuse(std::string("connect: ") + std::strerror(errno));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = which;
        epoll_ctl(poll_, EPOLL_CTL_ADD, mine.socket, &event);
    }

    void reconnect(uint32_t which) {
        close(connections_[which].socket);
        counts_.reconnects++;
        if (counts_.reconnects > 1'000'000) refuse("the server keeps closing connections");
        connect(which);
    }

    void want(uint32_t which, uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.u32 = which;
        epoll_ctl(poll_, EPOLL_CTL_MOD, connections_[which].socket, &event);
    }

    // What this connection does now that it is free.
    void next(uint32_t which) {
        if (!open_) {
            const double time = now();
            if (time < end_) ask(which, time);
        } else if (!waiting_.empty()) {
            const double due = waiting_.front();
            waiting_.pop_front();
            ask(which, due);
        } else {
            idle_.push_back(which);
        }
    }

    void ask(uint32_t which, double since) {
        Connection& mine = connections_[which];
        mine.busy = true;
        mine.since = since;
        mine.sent = 0;
        mine.response.clear();
        counts_.sent++;
        push(which);
    }

    void push(uint32_t which) {
        Connection& mine = connections_[which];
        if (!mine.busy || mine.sent == request_.size()) return want(which, EPOLLIN);
        while (mine.sent < request_.size()) {
            const ssize_t wrote = send(mine.socket, request_.data() + mine.sent, request_.size() - mine.sent, MSG_NOSIGNAL);
            if (wrote < 0) {
                // Anything else than "not yet" shows as an error event, which `pull` deals with.
                if (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS) want(which, EPOLLIN | EPOLLOUT);
                return;
            }
            mine.sent += static_cast<size_t>(wrote);
            if (mine.sent == request_.size()) want(which, EPOLLIN);
        }
    }

    void pull(uint32_t which) {
        static char buffer[1 << 18];
        Connection& mine = connections_[which];
        bool ended = false;
        for (;;) {
            const ssize_t size = recv(mine.socket, buffer, sizeof buffer, 0);
            if (size > 0) {
                mine.response.add(buffer, static_cast<size_t>(size));
                if (static_cast<size_t>(size) < sizeof buffer) break;
                continue;
            }
            ended = size == 0 || (errno != EAGAIN && errno != EINTR);
            break;
        }
        if (mine.busy && mine.response.complete()) finished(which, ended);
        else if (ended && mine.busy) broken(which);
        else if (ended) reconnect(which);
    }

    void finished(uint32_t which, bool ended) {
        Connection& mine = connections_[which];
        mine.busy = false;
        const double time = now(), took = time - mine.since;
        if (mine.response.status == 200 && time >= counted_ && time < end_) counts_.in_time++;
        // An open loop counts what was due in the window, a closed loop what was answered in it.
        if (open_ ? mine.since >= counted_ : time >= counted_ && time < end_) {
            counts_.status[mine.response.status]++;
            (mine.response.status == 200 ? counts_.answered : counts_.refused).push_back(took);
            if (mine.response.status == 200 && !mine.response.holds(options_.expect)) counts_.unexpected++;
        }
        if (ended || mine.response.closes) reconnect(which);
        next(which);
    }

    void broken(uint32_t which) {
        Connection& mine = connections_[which];
        mine.busy = false;
        if (mine.since >= counted_) counts_.errors++;
        reconnect(which);
        if (!open_ || now() < end_ + options_.drain) next(which);
    }

    const Options& options_;
    const std::string request_;
    const bool open_;
    int poll_ = -1, timer_ = -1;
    double begin_ = 0, counted_ = 0, end_ = 0;
    std::vector<double> due_;
    size_t place_ = 0;
    std::vector<Connection> connections_;
    std::vector<uint32_t> idle_;
    std::deque<double> waiting_;
    Counts counts_;
};

std::string request_of(const Options& options) {
    std::string body;
    if (!options.body_file.empty()) {
        std::ifstream file(options.body_file, std::ios::binary);
        if (!file) refuse("cannot read " + options.body_file);
        std::ostringstream all;
        all << file.rdbuf();
        body = all.str();
    }
    std::string text = (body.empty() ? "GET " : "POST ") + options.path + " HTTP/1.1\r\n";
    text += "Host: 127.0.0.1:" + std::to_string(options.port) + "\r\n";
    for (const std::string& header : options.headers) text += header + "\r\n";
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
}

void print_times(const char* name, std::vector<double>& seconds) {
    std::sort(seconds.begin(), seconds.end());
    const auto share = [&](double part) {
        if (seconds.empty()) return 0.0;
        const size_t place = static_cast<size_t>(std::ceil(part * static_cast<double>(seconds.size())));
        return seconds[std::min(seconds.size(), std::max<size_t>(place, 1)) - 1] * 1e3;
    };
    double sum = 0;
    for (const double each : seconds) sum += each;
    const double mean = seconds.empty() ? 0 : sum * 1e3 / static_cast<double>(seconds.size());
    std::printf("\"%s\":{\"count\":%zu,\"mean_ms\":%.4f,\"p50_ms\":%.4f,\"p90_ms\":%.4f,\"p99_ms\":%.4f,\"max_ms\":%.4f},",
                name, seconds.size(), mean, share(.5), share(.9), share(.99), share(1));
}

void print(const Options& options, Counts& counts) {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; };
    std::printf("{\"connections\":%d,\"rate\":%.3f,\"seed\":%llu,\"seconds\":%.3f,", options.connections, options.rate,
                static_cast<unsigned long long>(options.seed), options.seconds);
    std::printf("\"rps\":%.3f,\"sent\":%ld,", static_cast<double>(counts.in_time) / options.seconds, counts.sent);
    print_times("answered", counts.answered);
    print_times("refused", counts.refused);
    std::printf("\"status\":{");
    const char* comma = "";
    for (const auto& [status, count] : counts.status) {
        std::printf("%s\"%d\":%ld", comma, status, count);
        comma = ",";
    }
    std::printf("},\"errors\":%ld,\"unfinished\":%ld,\"unexpected\":%ld,\"reconnects\":%ld,\"backlog\":%zu,\"client_cpu_s\":%.3f}\n",
                counts.errors, counts.unfinished, counts.unexpected, counts.reconnects, counts.backlog,
                seconds(used.ru_utime) + seconds(used.ru_stime));
}

}  // namespace

int main(int count, char** words) {
    const Options options = read_options(count, words);
    if (options.schedule) {
        if (!(options.rate > 0)) refuse("--schedule needs --rate");
        for (const double each : due_times(options)) std::printf("%.9f\n", each);
        return 0;
    }
    Load load(options, request_of(options));
    Counts counts = load.run();
    print(options, counts);
    return 0;
}
