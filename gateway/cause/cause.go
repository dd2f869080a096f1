// Package cause names why a connection attempt went as it did. The names are stable: programs read them in JSON, tests
// and documentation refer to them. It holds no words for people; those are made where they are shown.
package cause

// ID is a stable, lower-case name.
type ID string

// Code 0: the device was accepted.
const Accepted ID = "accepted"

// Code 1, unacceptable protocol version (contract, section 2).
const (
	MQTT5               ID = "mqtt5"                // protocol level 5
	UnsupportedProtocol ID = "unsupported_protocol" // any other name or level
)

// Code 2, identifier rejected: the credential is malformed.
const (
	NoCredential    ID = "no_credential"    // no certificate and no user name
	UserNotKeySID   ID = "user_not_key_sid" // the user name is not a Key SID
	PasswordMissing ID = "password_missing" // absent or empty
)

// Code 3, server unavailable.
const (
	RateLimited ID = "rate_limited"
	Draining    ID = "draining"
	Maintenance ID = "maintenance"
	StoreDown   ID = "store_down"
)

// Code 4, bad user name or password.
const (
	UnknownKey           ID = "unknown_key"
	WrongSecret          ID = "wrong_secret"
	UnknownCertificate   ID = "unknown_certificate"
	CredentialUnassigned ID = "credential_unassigned" // known, but belongs to no device
	CredentialRevoked    ID = "credential_revoked"    // existed once
	DeviceDeleted        ID = "device_deleted"        // went with its device
)

// Code 5, not authorized.
const (
	DeviceDisabled ID = "device_disabled"
	NotDeployed    ID = "not_deployed" // no deployment
	NoService      ID = "no_service"   // the deployment has no Sync service
)

// No CONNACK was sent.
const (
	Plaintext              ID = "plaintext"    // MQTT without TLS
	PlaintextHTTP          ID = "plain_http"   // an HTTP request
	NotTLS                 ID = "not_tls"      // bytes that are neither
	NothingSent            ID = "nothing_sent" // closed, or timed out, before the first byte
	HandshakeFailed        ID = "handshake_failed"
	HandshakeTimeout       ID = "handshake_timeout"
	UntrustedRoot          ID = "untrusted_root" // the device's alert: it does not know the gateway's root
	WrongServerName        ID = "wrong_server_name"
	TLSVersion             ID = "tls_version"
	NoSharedSuite          ID = "no_shared_suite"
	CertificateMalformed   ID = "certificate_malformed"
	CertificateUnsupported ID = "certificate_unsupported"
	KeyNotProven           ID = "key_not_proven" // the signature does not fit the client certificate
	TooManyHandshakes      ID = "too_many_handshakes"
	ConnectTimeout         ID = "connect_timeout" // TLS was fine, CONNECT did not come in time
	ClosedBeforeConnect    ID = "closed_before_connect"
	MalformedConnect       ID = "malformed_connect"
)

// No CONNACK was sent: what the first bytes were, and what the device said of the handshake.
const (
	PlainWebSocket           ID = "plain_websocket"            // an HTTP request to speak WebSocket
	SpeaksSSH                ID = "speaks_ssh"                 // the greeting of an SSH client
	ProxyHeader              ID = "proxy_header"               // the PROXY protocol of a load balancer
	SSL2                     ID = "ssl2"                       // a ClientHello of SSL 2.0
	SSL3                     ID = "ssl3"                       // nothing newer than SSL 3.0
	ClosedInHandshake        ID = "closed_in_handshake"        // the device left without an alert, once it had the server's certificate
	ServerCertificateExpired ID = "server_certificate_expired" // the device's alert: certificate_expired
	ServerCertificateEarly   ID = "server_certificate_early"   // the device's alert: bad_certificate, from a stack that has other alerts for the other faults
	ServerCertificateRefused ID = "server_certificate_refused" // the device's alert: unsupported_certificate or certificate_revoked
	HandshakeRefused         ID = "handshake_refused"          // the device's alert: handshake_failure and the like
	WebSocketInTLS           ID = "websocket_in_tls"           // an HTTP request to speak WebSocket, where CONNECT was expected
	HTTPInTLS                ID = "http_in_tls"                // any other HTTP request, where CONNECT was expected
)

// Warnings: the attempt went on, but somebody should know.
const (
	WillDiscarded          ID = "will_discarded"
	CertificateExpired     ID = "certificate_expired"
	CertificateNotYetValid ID = "certificate_not_yet_valid"
	WeakKey                ID = "weak_key"
	CredentialsIgnored     ID = "credentials_ignored" // a key was sent beside a certificate
)

// Remarks: nothing is wrong, but it could be lighter, safer, or last longer.
const (
	BelievedConnected      ID = "believed_connected"       // TLS 1.3: the device had finished its side when the gateway refused
	CertificateExpiresSoon ID = "certificate_expires_soon" // within 30 days
	HeavyKey               ID = "heavy_key"                // RSA, P-384 or P-521, where P-256 is lighter
	LargeChain             ID = "large_chain"              // the device sends more than 4 KiB or 3 certificates
	KeepaliveShort         ID = "keepalive_short"          // below 10 s
	KeepaliveOff           ID = "keepalive_off"            // 0
	NameNotSent            ID = "name_not_sent"            // no SNI, and the address is not in the server's certificate
	NameNotInCertificate   ID = "name_not_in_certificate"  // the SNI is not in the server's certificate
)

// Reports on a connected device: what it asked for had no effect, or not the whole, and MQTT has no way to tell it.
const (
	SystemTopic          ID = "system_topic"   // a topic or filter that begins with $
	NotSyncTopic         ID = "not_sync_topic" // "Sync topics only" is on
	SyncWildcard         ID = "sync_wildcard"  // a wildcard below sync/
	InvalidFilter        ID = "invalid_filter" // such as a+/b
	TooManySubscriptions ID = "too_many_subscriptions"
	NotRetained          ID = "not_retained"      // delivered, but what the service may retain is used up
	SubscribeRefused     ID = "subscribe_refused" // to a Sync object that is not there, or not for this device
	SessionDiscarded     ID = "session_discarded" // with what waited in it, which was too much
	MessageRefused       ID = "message_refused"   // to a Sync object; acknowledged, and without effect
)

// Ends of a connection that had been accepted.
const (
	ClientDisconnect   ID = "client_disconnect" // DISCONNECT
	ClientClosed       ID = "client_closed"     // closed or reset without DISCONNECT
	KeepaliveExpired   ID = "keepalive_expired"
	TakenOver          ID = "taken_over"
	ServiceChanged     ID = "service_changed"
	DisconnectedByUser ID = "disconnected_by_user"
	SessionDropped     ID = "session_dropped"
	MalformedPacket    ID = "malformed_packet"
	PacketTooLarge     ID = "packet_too_large"
	TopicTooLong       ID = "topic_too_long"   // over 1 024 bytes or 64 levels
	WriteTimeout       ID = "write_timeout"    // the device does not read
	SessionOverflow    ID = "session_overflow" // too much waited for the device
	PublishRefused     ID = "publish_refused"  // a refused publish below sync/ while strict is on
	GatewayStopped     ID = "gateway_stopped"
	GatewayDied        ID = "gateway_died" // without closing it: killed, or a power cut; found out at the next start
	InternalError      ID = "internal_error"
)

// Clues: what a refused credential turned out to be, on another reading.
const (
	SecretWhitespace  ID = "secret_whitespace"   // right but for white space, a line end or a NUL around it
	SecretQuoted      ID = "secret_quoted"       // right but for quotation marks around it
	SecretEncoded     ID = "secret_encoded"      // right once it is decoded: URL, base64, hexadecimal
	SecretCase        ID = "secret_case"         // it has capital or small letters only
	SecretTooShort    ID = "secret_too_short"    // shorter than a secret is
	SecretTooLong     ID = "secret_too_long"     // longer than a secret is
	SecretOfOtherKey  ID = "secret_of_other_key" // right for another key
	SecretSwapped     ID = "secret_swapped"      // Key SID and secret, each in the place of the other
	SecretIsKeySID    ID = "secret_is_key_sid"   // a Key SID was sent as password
	SecretPlaceholder ID = "secret_placeholder"  // such as "<secret>", out of an example
	KeySIDMistyped    ID = "key_sid_mistyped"    // the user name is nearly a known Key SID
	UserPlaceholder   ID = "user_placeholder"    // such as "<Key SID>", out of an example
	UserIsDevice      ID = "user_is_device"      // the user name is a device's SID or name
	UserIsOtherSID    ID = "user_is_other_sid"   // the user name is a SID, but not of a key
)

// Clues of presented and enrolled, side by side.
const (
	Reissued             ID = "reissued"                // another certificate for the same private key is enrolled
	EnrolledForOther     ID = "enrolled_for_other"      // for another device than the certificate or client id names
	EnrolledInOtherFleet ID = "enrolled_in_other_fleet" // in another fleet than the device is in that the certificate or client id names
	CAEnrolled           ID = "ca_enrolled"             // the issuer of the presented certificate is enrolled in its place
	SameNameOtherKey     ID = "same_name_other_key"     // a certificate with the same subject and another private key is enrolled
	EnrolledExpired      ID = "enrolled_expired"        // the enrolled certificate has expired
	KeyOfOtherDevice     ID = "key_of_other_device"     // the key belongs to another device than the client id names
	CredentialSinceMoved ID = "credential_since_moved"  // since the attempt, to another device
)

// Why it cannot be told from the record whether an attempt would pass now.
const (
	SecretChanged     ID = "secret_changed"      // the key has another secret now than at the attempt
	SecretNotCompared ID = "secret_not_compared" // the refusal came before the secret was looked at
	NotRecorded       ID = "not_recorded"        // what the verdict rested on is not recorded
	BeforeConnect     ID = "before_connect"      // it ended before CONNECT: only another try tells
)

// The lab: what a server that is wrong on purpose did.
const (
	LabCode         ID = "lab_code"          // gave this code on purpose
	LabClosed       ID = "lab_closed"        // closed, or came to its end, on purpose
	LabNotValidated ID = "lab_not_validated" // warning: the device sent a CONNECT to a server with a wrong certificate
)

// Findings: what several attempts show together.
const (
	TakeoverFight  ID = "takeover_fight"  // two connections of one device evict each other
	ReconnectStorm ID = "reconnect_storm" // one device connects again and again, and is accepted
	IgnoresCode    ID = "ignores_code"    // goes on with the same credential after code 2, 4 or 5 (contract, section 4)
	SameFailure    ID = "same_failure"    // many handshakes fail in the same way
	ClockOff       ID = "clock_off"       // the device takes the gateway's certificate for expired or not yet valid, and it is neither
)
