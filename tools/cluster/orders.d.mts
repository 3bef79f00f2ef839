/** What orders are carried out on. */
export interface OrderedCluster {
  list(): readonly { readonly name: string }[]
  kill(name: string): Promise<void>
  restart(name: string): Promise<void>
  pause(name: string, ms: number): Promise<void>
  roll(): Promise<void>
  failover(detachedMs: number): Promise<string>
  cut(name: string, ms: number): Promise<void>
  fill(name: string, ms: number): Promise<void>
  skew(name: string, how: { readonly ms: number, readonly aheadMs: number, readonly restarts: boolean }): Promise<void>
  leader(): Promise<string>
  primary(): Promise<string>
}
/** Carries out one order. */
export function carryOut(cluster: OrderedCluster, order: Readonly<Record<string, unknown>>): Promise<{
  readonly kind: 'done'
  readonly id: unknown
  readonly processes?: readonly { readonly name: string }[]
  readonly name?: string
  readonly error?: string
}>
