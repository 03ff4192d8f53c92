/** A user name and password for a registry, and where they come from: which pods may use what was pulled with them. */
export interface RegistryCredential {
  readonly username: string;
  readonly password: string;
  readonly source: CredentialSource;
}

export type CredentialSource =
  /** The node's own: good for every pod. */
  | { readonly kind: 'node' }
  | {
      readonly kind: 'secret';
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
    };

/** A credential with the registry, or the pattern of one, that it is for. */
export interface KeyringEntry extends RegistryCredential {
  readonly registry: string;
}
