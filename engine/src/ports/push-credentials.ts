/** What a push service asks of a server (VAPID, RFC 8292), for one push service. */
export interface PushCredential {
  /** JWT (ES256) that names the origin of the push service. Secret: whoever has it may push there until it ends. */
  readonly token: string
  /** Public key, the uncompressed point of P-256 in base64url: what browsers subscribe with. */
  readonly key: string
  /** End of the token, in ms since 1970. */
  readonly expiresAtMs: number
}

/** The engine's window on the key of this server for push services, which `auth` keeps. */
export interface PushCredentials {
  /** A credential for the push service at `origin`, good for an hour at least. Rejects with `unavailable.auth`. */
  forOrigin(origin: string): Promise<PushCredential>
}
