package words

import "gatehouse/gateway/cause"

// sentence is a cause in words. In braces stands what is put in from the attempt.
type sentence struct{ short, cause, more, advice string }

// sentences has every cause of a refusal, and of an end before any answer.
var sentences = map[cause.ID]sentence{
	cause.LabCode: {
		"The lab gave this code", "A wrong server of the lab gave this code on purpose.", "It says nothing about the device’s credential.",
		"Watch what the device does next.",
	},
	cause.LabClosed: {
		"The lab closed on purpose", "A wrong server of the lab closed the connection on purpose.", "It says nothing about the device’s credential.",
		"Watch what the device does next.",
	},
	cause.MQTT5: {
		"Device speaks MQTT 5", "The device speaks MQTT 5.", "This gateway speaks MQTT 3.1 and 3.1.1 only.",
		"Set the client’s protocol version to 3.1.1 (level 4).",
	},
	cause.UnsupportedProtocol: {
		"Unknown protocol version", "The device speaks {protocol}.", "This gateway speaks MQTT 3.1 and 3.1.1 only.",
		"Set the client’s protocol version to 3.1.1 (name “MQTT”, level 4).",
	},
	cause.NoCredential: {
		"No credential", "The device sent neither a certificate nor a user name.", "",
		"Give it a client certificate, or a Key SID as user name and the secret as password.",
	},
	cause.UserNotKeySID: {
		"User name is not a Key SID", "The user name is not a Key SID.", "A Key SID is KY and 32 hexadecimal digits.",
		"Set the user name to the Key SID and the password to its secret.",
	},
	cause.PasswordMissing: {
		"Password is missing", "The device sent key {key} without a password.", "",
		"Set the password to the key’s secret.",
	},
	cause.RateLimited: {
		"Connecting too fast", "Too many connections arrive at once.", "The credential was not looked at.",
		"Wait before trying again, and wait longer each time.",
	},
	cause.Draining: {
		"Gateway is stopping", "The gateway is being stopped.", "", "Start the gateway, then try again.",
	},
	cause.Maintenance: {
		"Gateway is paused", "The gateway is out of service for maintenance.", "", "Try again later.",
	},
	cause.StoreDown: {
		"Gateway cannot store", "The gateway cannot write to its data folder.", "Nothing is accepted that could be lost.",
		"Free disk space, or make the data folder writable again.",
	},
	cause.UnknownKey: {
		"Key {key} is unknown", "There is no key {key} here.", "",
		"Check the Key SID, or make a new key for the device.",
	},
	cause.WrongSecret: {
		"Wrong secret for {key}", "The secret for key {key} is wrong.", "The key belongs to {device}.",
		"Check the password for missing or extra characters; a lost secret cannot be shown again, so make a new key.",
	},
	cause.UnknownCertificate: {
		"Certificate is not enrolled", "The certificate {thumbprint} is not enrolled here.", "The device proved that it holds its private key.",
		"Enrol this certificate for its device.",
	},
	cause.CredentialUnassigned: {
		"Credential has no device", "The {credential} belongs to no device.", "", "Assign it to a device.",
	},
	cause.CredentialRevoked: {
		"Credential was removed", "The {credential} was removed from {device}.", "", "Give the device a new credential.",
	},
	cause.DeviceDeleted: {
		"Device was deleted", "{device} was deleted, and its credentials with it.", "", "Add the device again with a new credential.",
	},
	cause.DeviceDisabled: {
		"Device is disabled", "{device} is disabled.", "{right}", "Enable the device.",
	},
	cause.NotDeployed: {
		"Not deployed to a service", "{device} is not deployed.", "{right}", "Deploy the device.",
	},
	cause.NoService: {
		"Deployment has no service", "The deployment of {device} has no Sync service.", "{right}",
		"Link the deployment to a Sync service.",
	},
	cause.Plaintext: {
		"Speaks MQTT without TLS", "The device speaks MQTT without TLS.", "This gateway never takes plaintext MQTT.",
		"Turn TLS on in the client and give it the gateway’s root certificate.",
	},
	cause.PlaintextHTTP: {
		"Speaks HTTP, not MQTT", "This was an HTTP request, not MQTT over TLS.", "", "Point the device’s MQTT client here, not a browser.",
	},
	cause.NotTLS: {
		"Not TLS", "What arrived was neither TLS nor MQTT.", "", "Check which program connects to this port.",
	},
	cause.NothingSent: {
		"Nothing was sent", "The connection was opened, but nothing was sent.", "", "Check that the client starts TLS; a port check looks like this too.",
	},
	cause.HandshakeFailed: {
		"Handshake failed", "The TLS handshake failed.", "{alert}", "Unfold the handshake for what each side said.",
	},
	cause.HandshakeTimeout: {
		"Handshake took too long", "The TLS handshake did not finish within 10 seconds.", "", "Check the network, or whether the device is too slow for its key.",
	},
	cause.UntrustedRoot: {
		"Does not trust this gateway’s root", "The device does not trust this gateway’s root certificate.", "",
		"Install root.pem on the device as the certificate authority to trust.",
	},
	cause.WrongServerName: {
		"Server name does not match", "The device expects another server name than those in the gateway’s certificate.", "",
		"Connect by a name in the certificate, or add the name in Settings.",
	},
	cause.TLSVersion: {
		"TLS version too old", "The device offers no TLS version that this gateway takes.", "The gateway speaks TLS 1.2 and 1.3.",
		"Turn TLS 1.2 or 1.3 on in the client.",
	},
	cause.NoSharedSuite: {
		"No cipher suite in common", "The device and the gateway share no cipher suite.", "",
		"Turn on an ECDHE suite with AES-GCM or ChaCha20 in the client.",
	},
	cause.CertificateMalformed: {
		"Certificate cannot be read", "The device’s certificate cannot be read.", "", "Give the device a new certificate.",
	},
	cause.CertificateUnsupported: {
		"Certificate has an unusable key", "The device’s certificate has a kind of key that this gateway cannot use.", "",
		"Use P-256; RSA 1024 to 8192, P-384, P-521 and Ed25519 work too.",
	},
	cause.KeyNotProven: {
		"Private key does not fit", "The device’s private key does not fit its certificate.", "",
		"Install the private key that was made together with the certificate.",
	},
	cause.TooManyHandshakes: {
		"Too many unfinished handshakes", "Too many connections stand unfinished.", "", "Find out which client opens connections without using them.",
	},
	cause.ConnectTimeout: {
		"No CONNECT in time", "TLS was fine, but no CONNECT came within 10 seconds.", "", "Check that the client starts MQTT after TLS.",
	},
	cause.ClosedBeforeConnect: {
		"Closed before CONNECT", "The device closed the connection before it sent CONNECT.", "This is how some devices say that they do not trust the gateway.",
		"Check the device’s log; it may not trust root.pem.",
	},
	cause.MalformedConnect: {
		"CONNECT is malformed", "The CONNECT packet breaks the protocol at byte {offset}.", "Rule {rule}: {reason}.", "Correct the client, or update its MQTT library.",
	},
	cause.PlainWebSocket: {
		"Speaks WebSocket, not MQTT", "This was a request for MQTT over WebSocket.", "This gateway speaks MQTT over TLS alone.",
		"Change the client’s address from ws:// or wss:// to mqtts://.",
	},
	cause.WebSocketInTLS: {
		"Speaks MQTT over WebSocket", "Inside TLS came a request for MQTT over WebSocket, not CONNECT.", "This gateway speaks MQTT over TLS alone.",
		"Turn WebSocket off in the client: its address begins with mqtts:// rather than wss://.",
	},
	cause.HTTPInTLS: {
		"Speaks HTTPS, not MQTT", "Inside TLS came an HTTP request, not CONNECT: a browser or a script.", "", "Point the device’s MQTT client here, not a browser.",
	},
	cause.SpeaksSSH: {
		"Speaks SSH, not MQTT", "This was an SSH client, not MQTT over TLS.", "", "Check the port: SSH usually listens on 22.",
	},
	cause.ProxyHeader: {
		"Starts with a proxy’s header", "A load balancer put the header of the PROXY protocol in front of the connection.", "This gateway does not take it.",
		"Turn the PROXY protocol off where the load balancer forwards to this port.",
	},
	cause.SSL2: {
		"Speaks SSL 2.0", "The device opens with SSL 2.0.", "It is broken since long ago; the gateway speaks TLS 1.2 and 1.3.",
		"Turn TLS 1.2 or 1.3 on in the client, and the compatibility with SSL 2.0 off.",
	},
	cause.SSL3: {
		"Speaks SSL 3.0", "The device offers nothing newer than SSL 3.0.", "It is broken since long ago; the gateway speaks TLS 1.2 and 1.3.",
		"Turn TLS 1.2 or 1.3 on in the client.",
	},
	cause.ClosedInHandshake: {
		"Left after the gateway’s certificate", "The device closed the connection once it had the gateway’s certificate, and said nothing.",
		"Most often it does not trust it: some TLS stacks send no alert then.", "Check the device’s log, and that root.pem is installed on it.",
	},
	cause.ServerCertificateExpired: {
		"Says the certificate has expired", "The device takes the gateway’s certificate for expired.",
		"The gateway renews it in time, so the device’s clock is most likely wrong.", "Set the device’s clock, by NTP or at its start, before it connects.",
	},
	cause.ServerCertificateEarly: {
		"Takes the certificate for not valid yet", "The device most likely takes the gateway’s certificate for not valid yet.",
		"It trusts the root and found the name, so its clock is behind: boards without a battery begin in 1970.", "Set the device’s clock, by NTP or at its start, before it connects.",
	},
	cause.ServerCertificateRefused: {
		"Cannot use the gateway’s certificate", "The device cannot use the gateway’s certificate.", "Its TLS stack lacks what the certificate needs, or holds it for revoked.",
		"Turn on ECDSA with P-256, or RSA with SHA-256, in the device’s TLS stack.",
	},
	cause.HandshakeRefused: {
		"Device broke the handshake off", "The device found nothing in the handshake that it could go on with.", "{alert}",
		"Unfold the handshake for its alert, and compare suites and groups in the device’s TLS settings.",
	},
	cause.InternalError: {
		"Gateway fault", "The gateway failed while it served this connection.", "Only this connection ended.", "Please report this with the attempt’s details.",
	},
	cause.ServiceChanged: {
		"Device is being moved", "{device} was moved to another Sync service while it connected.", "", "Try again at once.",
	},
	cause.GatewayStopped: {
		"Gateway was stopped", "The gateway was stopped.", "", "",
	},
	cause.GatewayDied: {
		"Gateway ended meanwhile", "The gateway ended without closing it.", "It was killed, or the machine lost power.", "",
	},
}

// warnings are remarks, as a title and a detail.
var warnings = map[cause.ID][2]string{
	cause.LabNotValidated:        {"Does not validate the server certificate", "it sent its CONNECT to a server with a wrong certificate"},
	cause.WillDiscarded:          {"Last will discarded", "this gateway does not support wills"},
	cause.CertificateExpired:     {"Certificate has expired", "accepted all the same: only the private key counts here"},
	cause.CertificateNotYetValid: {"Certificate is not valid yet", "accepted all the same; check the clocks"},
	cause.WeakKey:                {"Weak key", "an RSA key of less than 2048 bits; P-256 is safer and lighter"},
	cause.CredentialsIgnored:     {"User name and password ignored", "a certificate was presented, and it alone counts"},

	cause.BelievedConnected:      {"Device believed that it was connected", "with TLS 1.3 it had finished the handshake before the gateway could refuse"},
	cause.CertificateExpiresSoon: {"Certificate expires soon", "expiry is not judged here, but by others it is"},
	cause.HeavyKey:               {"Key is heavier than need be", "P-256 is as safe, smaller on the wire and quicker on a small board"},
	cause.LargeChain:             {"Many bytes of certificates", "the device’s own certificate is all that is looked at; what else it sends costs it time and memory"},
	cause.KeepaliveShort:         {"Keepalive is short", "each PINGREQ wakes the radio; minutes are usual"},
	cause.KeepaliveOff:           {"Keepalive is off", "a device that vanishes without a word stays connected here until the network says otherwise"},
	cause.NameNotSent:            {"No server name was sent", "the address is not in the gateway’s certificate: a device that checks names would have left"},
	cause.NameNotInCertificate:   {"Server name is not in the certificate", "the device accepted it all the same, so it does not check names"},

	cause.SystemTopic:          {"Topic begins with $", "nothing can be published or subscribed there"},
	cause.NotSyncTopic:         {"Not a Sync topic", "Settings allow topics below sync/ only"},
	cause.SyncWildcard:         {"Wildcard below sync/ refused", "subscribe to each object by its name"},
	cause.InvalidFilter:        {"Invalid filter refused", "+ must be a whole level, and # the whole last one"},
	cause.TooManySubscriptions: {"Subscription refused", "the session has as many as it may have"},
	cause.NotRetained:          {"Message not retained", "it was delivered, but the service retains as much as it may"},
	cause.SubscribeRefused:     {"Subscription refused", "there is no such object, or the device may not read it"},
	cause.SessionDiscarded:     {"Session discarded", "more waited for the device than a session may hold; it learns that from session-present 0"},
	cause.MessageRefused:       {"Message refused", "it was acknowledged, as MQTT 3.1.1 demands, and changed nothing"},
}

// ends are sentences about how an accepted connection ended.
var ends = map[cause.ID]string{
	cause.ClientDisconnect:     "The device said goodbye.",
	cause.ClientClosed:         "The device closed the connection without saying goodbye.",
	cause.KeepaliveExpired:     "The device was silent for longer than its keepalive allows.",
	cause.TakenOver:            "A newer connection of the same device took over.",
	cause.DeviceDisabled:       "The device was disabled.",
	cause.NotDeployed:          "The device was undeployed.",
	cause.NoService:            "The device’s deployment lost its Sync service.",
	cause.ServiceChanged:       "The device was moved to another Sync service.",
	cause.CredentialRevoked:    "Its credential was removed.",
	cause.UnknownKey:           "Its credential was removed.",
	cause.UnknownCertificate:   "Its credential was removed.",
	cause.CredentialUnassigned: "Its credential was taken away from the device.",
	cause.DeviceDeleted:        "The device was deleted.",
	cause.DisconnectedByUser:   "You disconnected it.",
	cause.SessionDropped:       "Its session was dropped.",
	cause.MalformedPacket:      "The device sent a malformed packet.",
	cause.PacketTooLarge:       "The device sent a packet that is too large.",
	cause.TopicTooLong:         "The device used a topic that is too long.",
	cause.WriteTimeout:         "The device stopped reading.",
	cause.GatewayStopped:       "The gateway was stopped.",
	cause.GatewayDied:          "The gateway ended without closing it.",
	cause.StoreDown:            "The gateway could not store its messages.",
	cause.SessionOverflow:      "More waited for the device than a session may hold, so its session was discarded.",
	cause.PublishRefused:       "The device sent a message that was refused, and Settings say to disconnect it then.",
	cause.InternalError:        "The gateway failed while it served this connection.",
}
