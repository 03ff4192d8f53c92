// Texts of RFC 7468, as files and API objects bring them: several blocks, and words between them that do not count.

/** The certificates, each as it stands there. */
export function certificateBlocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

/** The first private key of any kind; undefined without one. */
export function privateKeyBlock(pem: string): string | undefined {
  return /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(pem)?.[0];
}
