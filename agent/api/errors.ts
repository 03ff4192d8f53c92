// The one place that looks at HTTP statuses, metav1.Status bodies and the error codes of sockets and TLS.

import {
  AlreadyExistsError,
  ConflictError,
  DeniedError,
  ExpiredError,
  errorMessage,
  InvalidError,
  NotFoundError,
  UnavailableError,
} from '../lib/errors.ts';

export type ApiError =
  | NotFoundError
  | AlreadyExistsError
  | ConflictError
  | ExpiredError
  | UnavailableError
  | InvalidError
  | DeniedError;

/** The parts of metav1.Status that decide anything. */
export interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string }[];
  };
}

interface HttpFailure {
  readonly method: string;
  readonly path: string;
  readonly statusCode: number;
  /** The response body as text: a Status from an API server, anything from what stands in front of it. */
  readonly body: string;
  readonly retryAfter: string | undefined;
}

const MAX_BODY_EXCERPT = 200;
// Causes that decide more than the reason above them does.
const TELLING_CAUSES = new Set(['NamespaceTerminating', 'ResourceVersionTooLarge']);

/** The error for an answer of 400 and above. */
export function errorFromResponse(failure: HttpFailure): ApiError {
  const status = parseStatus(failure.body);
  const fallback = `${failure.method} ${failure.path}: HTTP ${failure.statusCode} ${excerpt(failure.body)}`;
  return errorFromStatus(
    { ...status, code: failure.statusCode, message: status?.message || fallback.trim() },
    retryAfterMs(failure.retryAfter),
  );
}

/** The error for a Status: the body of a failed request, or the object of an ERROR event in a watch. */
export function errorFromStatus(status: Status, retryAfterHeaderMs?: number): ApiError {
  const message = status.message || status.reason || `HTTP ${status.code ?? 'status unknown'}`;
  const code = causeOf(status) ?? status.reason ?? `HTTP${status.code ?? ''}`;
  switch (status.code) {
    case 401:
    case 403:
      return new DeniedError(message, { code });
    case 404:
      return new NotFoundError(message, { code });
    case 409:
      return status.reason === 'AlreadyExists'
        ? new AlreadyExistsError(message, { code })
        : new ConflictError(message, { code });
    case 410:
      return new ExpiredError(message, { code });
    case 408:
    case 429:
      return unavailable(message, code, status, retryAfterHeaderMs);
    default:
      return (status.code ?? 500) < 500
        ? new InvalidError(message, { code })
        : unavailable(message, code, status, retryAfterHeaderMs);
  }
}

function unavailable(
  message: string,
  code: string,
  status: Status,
  headerMs: number | undefined,
): UnavailableError {
  const seconds = status.details?.retryAfterSeconds;
  const waitMs = headerMs ?? (seconds ? seconds * 1000 : undefined);
  return new UnavailableError(message, { code, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) });
}

function causeOf(status: Status): string | undefined {
  return status.details?.causes?.find(cause => TELLING_CAUSES.has(cause.reason ?? ''))?.reason;
}

function parseStatus(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    // A cast, because every field read later is optional and only shown or compared.
    return typeof parsed === 'object' && parsed !== null && 'message' in parsed
      ? (parsed as Status)
      : undefined;
  } catch {
    return undefined; // not from an API server: the caller shows the text itself
  }
}

function excerpt(body: string): string {
  return body.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_BODY_EXCERPT);
}

/** Retry-After in seconds; the date form is not used by API servers. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d{1,6}$/.test(header.trim())) return undefined;
  return Number(header) * 1000;
}

const UNTRUSTED =
  'its certificate is not signed by the CA of the kubeconfig (certificate-authority): wrong CA, or wrong server';

const DENIED_BY_CODE: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: "the server's certificate has expired: renew it there, or check this machine's clock",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: check this machine's clock",
  CERT_REVOKED: "the server's certificate is revoked",
  INVALID_PURPOSE: "the server's certificate is not meant for a server",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the CA that signed our client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'it says that our client certificate has expired: renew it',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it refuses our client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: 'it says that our client certificate is revoked',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it demands a client certificate and the kubeconfig has none',
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: 'it refuses our client certificate',
};

const UNAVAILABLE_BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there (is it started, is the port right?)',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ETIMEDOUT: 'no answer to the connection attempt (firewall, routing, or the machine is down)',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  ENOTFOUND: 'the host name does not resolve: check the server in the kubeconfig, and DNS',
  EAI_AGAIN: 'DNS does not answer: check /etc/resolv.conf and the network',
  UND_ERR_SOCKET: 'the connection was lost',
  EPROTO: 'it does not speak TLS there: check scheme and port of the server in the kubeconfig',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'it does not speak TLS there: check scheme and port of the server in the kubeconfig',
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    'it does not speak TLS there: check scheme and port of the server in the kubeconfig',
};

/** The error for a connection that could not be made or broke; our own errors pass unchanged. */
export function errorFromTransport(error: unknown, serverUrl: string): UnavailableError | DeniedError {
  if (error instanceof UnavailableError || error instanceof DeniedError) return error;
  const code = codeOf(error);
  const prefix = `API server ${serverUrl}: `;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const text = `its certificate is for other names (${errorMessage(error)}): check the server, or set tls-server-name`;
    return new DeniedError(prefix + text, { code, cause: error });
  }
  const denied = DENIED_BY_CODE[code];
  if (denied !== undefined) return new DeniedError(prefix + denied, { code, cause: error });
  const text = UNAVAILABLE_BY_CODE[code] ?? errorMessage(error);
  return new UnavailableError(prefix + text, { code, cause: error });
}

function codeOf(error: unknown): string {
  // Several addresses tried, none answered: the first one's reason speaks for all.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'Unreachable';
}
