/** Keys of a development cluster. */
export interface ClusterKeys {
  readonly services: Readonly<Record<string, { readonly seed: string, readonly publicKey: string }>>
  readonly wally: { readonly secret: string, readonly hotSeed: string, readonly operatorToken: string }
  readonly secretsKey: string
}
/** The keys in a folder, made when there are none. */
export function loadKeys(dir: string): ClusterKeys
/** What a service is told of the keys. */
export function keyEnvironment(keys: ClusterKeys, name: string): Readonly<Record<'EVEGRAM_SERVICE_KEY' | 'EVEGRAM_SERVICE_KEYS' | 'EVEGRAM_SECRETS_KEY', string>>
