// The model behind a service: arrays over the Open Inference Protocol v2, or the payload as it is.
#include <cstdlib>
#include <iostream>

#include "../seatrial/client.hpp"
#include "../seatrial/files.hpp"

int main(int count, char** arguments) {
    if (count != 3 && count != 4) {
        std::cerr << "usage: http_client http://HOST:PORT PAYLOAD [MODEL]\n";
        return 2;
    }
    try {
        seatrial::Client::Options options;
        if (count == 4) options.model = arguments[3];
        if (const char* key = std::getenv("SEATRIAL_API_KEY")) options.api_key = key;
        const seatrial::Client client(arguments[1], options);
        const seatrial::Value payload = seatrial::read_payload(arguments[2]);
        std::cout << client.predict(payload).json << "\n";         // prepared and read here, computed there
        std::cout << client.predict_remote(payload).json << "\n";  // everything there
    } catch (const seatrial::Unavailable& error) {
        std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
        return 3;
    } catch (const seatrial::Error& error) {
        std::cerr << "error: " << error.what() << "\n" << error.hint() << "\n";
        return 1;
    }
}
