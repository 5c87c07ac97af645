// A client for /predict in C++17, with the sockets of POSIX and nothing else.
//   g++ -std=c++17 -O2 -o predict predict.cpp
//   ./predict 127.0.0.1 8000 photo.jpg [API-KEY]
// Prints the JSON of the answer; with "Accept: text/plain" in the request it would be the label alone.
#include <fstream>
#include <iostream>
#include <iterator>
#include <netdb.h>
#include <string>
#include <unistd.h>

int main(int count, char** arguments) {
    if (count < 4) return std::cerr << "predict HOST PORT IMAGE [API-KEY]\n", 2;
    std::ifstream file(arguments[3], std::ios::binary);
    const std::string image{std::istreambuf_iterator<char>(file), {}};
    if (!file || image.empty()) return std::cerr << "cannot read " << arguments[3] << "\n", 1;
    std::string request = "POST /predict?top=5 HTTP/1.1\r\nHost: " + std::string(arguments[1]) + "\r\nConnection: close\r\n";
    if (count > 4) request += "Authorization: Bearer " + std::string(arguments[4]) + "\r\n";
    request += "Content-Length: " + std::to_string(image.size()) + "\r\n\r\n" + image;

    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(arguments[1], arguments[2], &hints, &found)) return std::cerr << "no such host\n", 1;
    int connection = -1;
    for (addrinfo* one = found; one && connection < 0; one = one->ai_next) {
        connection = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (connect(connection, one->ai_addr, one->ai_addrlen)) close(connection), connection = -1;
    }
    freeaddrinfo(found);
    if (connection < 0) return std::cerr << "cannot reach the server\n", 1;
    for (std::size_t sent = 0; sent < request.size();) {
        const ssize_t step = send(connection, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
        if (step <= 0) break;  // the server may have answered already
        sent += step;
    }
    std::string answer;
    char piece[65536];
    for (ssize_t size; (size = read(connection, piece, sizeof piece)) > 0;) answer.append(piece, size);
    close(connection);

    const std::size_t body = answer.find("\r\n\r\n");
    if (body == std::string::npos) return std::cerr << "no answer\n", 1;
    const bool is_good = answer.compare(9, 3, "200") == 0;
    (is_good ? std::cout : std::cerr) << answer.substr(body + 4) << "\n";
    return is_good ? 0 : 1;
}
