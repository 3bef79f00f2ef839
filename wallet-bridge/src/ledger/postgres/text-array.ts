import { EvegramError } from '@evegram/protocol'
import { sql, type RawBuilder } from 'kysely'

/**
 * A list of texts as one parameter, `undefined` as NULL: of the ways that both drivers know the one that costs least, several thousand values a statement.
 * The ids, numbers and words of the ledger have no commas and are never empty; throws `internal` for a value that is not like that.
 */
export function textArray(values: readonly (string | undefined)[]): RawBuilder<unknown> {
  for (const value of values) {
    if (value === '' || value?.includes(',') === true) throw new EvegramError('internal', { operation: 'write list of texts' })
  }
  return sql`string_to_array(${values.join(',')}::text, ',', '')`
}
