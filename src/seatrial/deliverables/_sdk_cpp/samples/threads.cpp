// One model, four threads: each takes the next payload until none is left.
#include <atomic>
#include <iostream>
#include <thread>

#include "../seatrial/files.hpp"
#include "../seatrial/model.hpp"

int main(int count, char** arguments) {
    if (count < 3) {
        std::cerr << "usage: threads MODEL.onnx PAYLOAD...\n";
        return 2;
    }
    try {
        seatrial::Model::Options options;
        options.threads = 1;  // for one call: four of them run at a time
        const seatrial::Model model(arguments[1], options);
        std::vector<std::string> answers(static_cast<std::size_t>(count - 2));
        std::atomic<int> next{0}, failed{0};
        std::vector<std::thread> workers;
        for (int worker = 0; worker < 4; ++worker)
            workers.emplace_back([&] {
                for (int place = next++; place < count - 2; place = next++) {
                    try {
                        answers[static_cast<std::size_t>(place)] = model.predict(seatrial::read_payload(arguments[place + 2])).json;
                    } catch (const seatrial::Error& error) {
                        answers[static_cast<std::size_t>(place)] = std::string("error: ") + error.what();
                        ++failed;
                    }
                }
            });
        for (std::thread& each : workers) each.join();
        for (const std::string& each : answers) std::cout << each << "\n";
        return failed ? 1 : 0;
    } catch (const seatrial::Error& error) {
        std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
        return 1;
    }
}
