// One payload in, one answer out, in this process.
#include <iostream>

#include "../seatrial/files.hpp"
#include "../seatrial/model.hpp"

int main(int count, char** arguments) {
    if (count != 3) {
        std::cerr << "usage: single MODEL.onnx PAYLOAD\n";
        return 2;
    }
    try {
        const seatrial::Model model(arguments[1]);
        const seatrial::Answer answer = model.predict(seatrial::read_payload(arguments[2]));
        std::cout << answer.json << "\n";  // the same as fields: see seatrial/answer.hpp
    } catch (const seatrial::Error& error) {
        std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
        return 1;
    }
}
