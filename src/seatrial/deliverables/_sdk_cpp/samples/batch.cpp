// Several payloads at once: those of equal shapes go through the engine together.
#include <iostream>

#include "../seatrial/files.hpp"
#include "../seatrial/model.hpp"

int main(int count, char** arguments) {
    if (count < 3) {
        std::cerr << "usage: batch MODEL.onnx PAYLOAD...\n";
        return 2;
    }
    try {
        const seatrial::Model model(arguments[1]);
        std::vector<seatrial::Value> payloads;
        for (int each = 2; each < count; ++each) payloads.push_back(seatrial::read_payload(arguments[each]));
        for (const seatrial::Answer& answer : model.predict_batch(payloads)) std::cout << answer.json << "\n";
    } catch (const seatrial::Error& error) {
        std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
        return 1;
    }
}
