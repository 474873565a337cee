// The model in this process, on ONNX Runtime: payload in, answer out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "answer.hpp"
#include "pipeline.hpp"

namespace seatrial {

/// One loaded model. All of its functions may be called from several threads at a time.
class Model {
public:
    struct Options {
        int threads = 0;               ///< that one call computes with; 0: as many as the machine has
        std::int64_t most_batch = 32;  ///< samples that travel together
    };

    /// Loads a model file. Throws NotFound when it is not there, Refused when the engine does not take it.
    explicit Model(const std::string& path) : Model(path, Options()) {}
    Model(const std::string& path, const Options& options);
    ~Model();
    Model(const Model&) = delete;
    Model& operator=(const Model&) = delete;

    /// The answer for one payload. Throws ContractViolation when the payload does not fit, Refused when the
    /// engine fails.
    Answer predict(const Value& payload) const;

    /// The answers for several payloads, in their order; those of equal shapes go through the engine together.
    std::vector<Answer> predict_batch(const std::vector<Value>& payloads) const;

    /// Outputs for prepared feeds, batch axis included, in the contract's order.
    std::vector<Tensor> run(const Feeds& feeds) const;

private:
    struct Engine;
    std::unique_ptr<Engine> engine_;
    Options options_;
};

}  // namespace seatrial
