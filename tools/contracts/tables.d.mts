/** One port with its adapters and what they keep. */
export interface ContractTable {
  readonly port: string
  readonly adapters: readonly string[]
  readonly rows: readonly { readonly promise: string; readonly marks: readonly string[] }[]
}
export function portsOf(root: string): readonly string[]
export function contractTables(report: unknown, ports: readonly string[]): readonly ContractTable[]
export function tableLines(tables: readonly ContractTable[]): readonly string[]
