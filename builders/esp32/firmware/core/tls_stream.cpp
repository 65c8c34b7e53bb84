#include "core/tls_stream.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include <utility>

namespace edgeflock {
namespace {

constexpr uint32_t kPatience = 15000;  // milliseconds for a handshake; a modem is slow

std::string mbedtlsError(int code) {
  char text[128];
  mbedtls_strerror(code, text, sizeof text);
  return text;
}

const uint8_t *bytesOf(const std::string &text) { return reinterpret_cast<const uint8_t *>(text.c_str()); }

int sendInner(void *stream, const uint8_t *bytes, size_t length) {
  const int count = static_cast<Stream *>(stream)->write(bytes, length);
  return count > 0 ? count : count == 0 ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_CONN_EOF;
}

int receiveInner(void *stream, uint8_t *bytes, size_t length) {
  const int count = static_cast<Stream *>(stream)->read(bytes, length);
  return count > 0 ? count : count == 0 ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

bool isWaiting(int code) { return code == MBEDTLS_ERR_SSL_WANT_READ || code == MBEDTLS_ERR_SSL_WANT_WRITE; }

}  // namespace

struct TlsStream::Session {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt ca;
  mbedtls_x509_crt certificate;
  mbedtls_pk_context key;
  mbedtls_ssl_config config;
  mbedtls_ssl_context ssl;

  Session() {
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_pk_init(&key);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_init(&ssl);
  }
  ~Session() {
    mbedtls_ssl_free(&ssl);
    mbedtls_ssl_config_free(&config);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_x509_crt_free(&ca);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  /// @return what is wrong, or an empty text
  std::string prepare(const TlsIdentity &identity, const std::string &host);
  std::string prepareClient(const TlsIdentity &identity);
};

std::string TlsStream::Session::prepare(const TlsIdentity &identity, const std::string &host) {
  if (mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0) != 0) return "no random numbers";
  // Mbed TLS takes PEM with its NUL
  if (mbedtls_x509_crt_parse(&ca, bytesOf(identity.ca), identity.ca.size() + 1) != 0) {
    return "the broker's CA (mqtt/ca) is no certificate in PEM";
  }
  if (mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
    return "no memory for TLS";
  }
  std::string problem = prepareClient(identity);
  if (!problem.empty()) return problem;
  mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
  mbedtls_ssl_conf_ca_chain(&config, &ca, nullptr);
  mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
  if (mbedtls_ssl_setup(&ssl, &config) != 0) return "no memory for TLS";
  return mbedtls_ssl_set_hostname(&ssl, host.c_str()) == 0 ? "" : "the broker's host name is too long";
}

std::string TlsStream::Session::prepareClient(const TlsIdentity &identity) {
  if (identity.certificate.empty()) return "";
  if (mbedtls_x509_crt_parse(&certificate, bytesOf(identity.certificate), identity.certificate.size() + 1) != 0) {
    return "the client certificate (mqtt/cert) is no certificate in PEM";
  }
#if MBEDTLS_VERSION_MAJOR >= 3
  const int code = mbedtls_pk_parse_key(&key, bytesOf(identity.key), identity.key.size() + 1, nullptr, 0,
                                        mbedtls_ctr_drbg_random, &random);
#else
  const int code = mbedtls_pk_parse_key(&key, bytesOf(identity.key), identity.key.size() + 1, nullptr, 0);
#endif
  if (code != 0) return "the client's key (mqtt/key) is no private key in PEM";
  return mbedtls_ssl_conf_own_cert(&config, &certificate, &key) == 0 ? "" : "no memory for TLS";
}

TlsStream::TlsStream(Board &board, Stream &inner, TlsIdentity identity)
    : board_(board), inner_(inner), identity_(std::move(identity)) {}

TlsStream::~TlsStream() = default;

std::string TlsStream::open(const std::string &host, uint16_t port) {
  session_.reset();
  auto session = std::make_unique<Session>();
  std::string problem = session->prepare(identity_, host);
  if (!problem.empty()) return problem;
  problem = inner_.open(host, port);
  if (!problem.empty()) return problem;
  problem = handshake(*session);
  if (!problem.empty()) {
    inner_.close();
    return problem;
  }
  session_ = std::move(session);
  return "";
}

std::string TlsStream::handshake(Session &session) {
  mbedtls_ssl_set_bio(&session.ssl, &inner_, sendInner, receiveInner, nullptr);
  const uint64_t until = board_.milliseconds() + kPatience;
  int code = mbedtls_ssl_handshake(&session.ssl);
  while (isWaiting(code)) {
    if (board_.milliseconds() > until) return "the broker does not finish the TLS handshake";
    board_.sleep(2);
    code = mbedtls_ssl_handshake(&session.ssl);
  }
  const uint32_t flags = mbedtls_ssl_get_verify_result(&session.ssl);
  if (flags != 0 && flags != UINT32_MAX) {
    char text[256];
    const int length = mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
    std::string reason(text, length > 0 ? static_cast<size_t>(length) : 0);
    while (!reason.empty() && reason.back() == '\n') reason.pop_back();
    for (char &letter : reason) {
      if (letter == '\n') letter = ';';
    }
    return "the broker's certificate is not to be trusted: " + reason;
  }
  if (code != 0) return "TLS failed: " + mbedtlsError(code);
  return "";
}

int TlsStream::read(uint8_t *bytes, size_t length) {
  if (!session_) return -1;
  const int code = mbedtls_ssl_read(&session_->ssl, bytes, length);
  if (code > 0) return code;
  return isWaiting(code) ? 0 : -1;
}

int TlsStream::write(const uint8_t *bytes, size_t length) {
  if (!session_) return -1;
  const int code = mbedtls_ssl_write(&session_->ssl, bytes, length);
  if (code > 0) return code;
  return isWaiting(code) ? 0 : -1;
}

void TlsStream::close() {
  if (session_) mbedtls_ssl_close_notify(&session_->ssl);
  session_.reset();
  inner_.close();
}

}  // namespace edgeflock
