// The model behind a service: the Open Inference Protocol v2 with binary tensors, and the predict endpoint.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "answer.hpp"
#include "http.hpp"
#include "pipeline.hpp"

namespace seatrial {

/// One service. All of its functions may be called from several threads at a time.
class Client {
public:
    struct Options {
        std::string model = kModelName;
        std::string version;                          ///< empty: what the service serves by default
        std::string api_key;                          ///< sent as a bearer token; take it from the environment
        std::chrono::milliseconds timeout{10'000};    ///< of one call, retries included
        int retries = 3;                              ///< after 503, 429 and where nobody answers
        std::chrono::milliseconds pause{200};         ///< before the first retry; doubled each time
    };

    /// `url` such as `http://127.0.0.1:8000`.
    explicit Client(const std::string& url) : Client(url, Options()) {}
    Client(std::string url, Options options);

    /// Whether the model is loaded and takes requests; false too where nobody answers.
    bool ready() const;

    /// What the service says of the model (v2 metadata).
    Value metadata() const;

    /// Arrays in, arrays out, in the contract's order: tensors travel as bytes.
    std::vector<Tensor> infer(const Feeds& feeds) const;

    /// The answer for one payload: prepared and read here, computed there.
    Answer predict(const Value& payload) const;

    /// The same, with everything done there: picture bytes or text are sent as they are.
    Answer predict_remote(const Value& payload) const;

private:
    std::string url_;
    Options options_;

    HttpResponse call(const std::string& method, const std::string& path, const Headers& headers, const std::string& body) const;
    std::string model_path() const;
};

}  // namespace seatrial
