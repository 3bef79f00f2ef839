import type { ClusterKeys } from './keys.mjs'
/** Ports of a cluster. */
export interface ClusterPorts {
  readonly http: number
  readonly ws: number
  readonly auth: readonly { readonly http: number, readonly admin: number, readonly internal: number }[]
  readonly engine: readonly { readonly admin: number, readonly internal: number }[]
  readonly wally: readonly { readonly http: number, readonly admin: number }[]
  readonly blobs: readonly { readonly http: number, readonly admin: number }[]
}
/** What recipes are made from. */
export interface ClusterContext {
  readonly root: string
  readonly dir: string
  readonly ports: ClusterPorts
  readonly keys: ClusterKeys
  readonly services: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
}
/** How a process is started. */
export interface ClusterRecipe {
  readonly name: string
  readonly main: string
  readonly env: Readonly<Record<string, string>>
}
/** Ports for as many engines and auth processes. */
export function planPorts(options: { readonly engines: number, readonly auths?: number, readonly wallys?: number, readonly blobs?: number, readonly httpPort: number, readonly wsPort: number }): Promise<ClusterPorts>
/** The public addresses. */
export function publicUrls(ports: { readonly http: number, readonly ws: number }): { readonly url: string, readonly ws: string }
/** The recipe of an auth process. */
export function authRecipe(context: ClusterContext, place: number): ClusterRecipe
/** The recipe of a wallet bridge. */
export function wallyRecipe(context: ClusterContext, place: number, settings: Readonly<Record<string, string>>): ClusterRecipe
/** The recipe of a service of files. */
export function blobsRecipe(context: ClusterContext, place: number): ClusterRecipe
/** The recipe of an engine. */
export function engineRecipe(context: ClusterContext, place: number, number: number): ClusterRecipe
