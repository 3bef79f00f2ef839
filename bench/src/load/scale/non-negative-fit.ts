/** Subsets of columns grow as powers of two: all are tried. */
const COLUMNS_MAX = 10
/** Below this part of the largest pivot, columns say the same. */
const SINGULAR = 1e-10

/**
 * Coefficients that are none below zero and make the sum of squared *relative* errors least: a row of `rows` times them is about its value in `values`. The minimum has
 * some coefficients at zero and is an ordinary least-squares solution in the others, so that solution is made for every choice of them, and the best one
 * without a negative coefficient is it: exact, and quick for the few terms of a cost. Throws RangeError above ten columns.
 * @param rows one row for each value, all of one length.
 */
export function nonNegativeFit(rows: readonly (readonly number[])[], values: readonly number[]): readonly number[] {
  const width = rows[0]?.length ?? 0
  if (width > COLUMNS_MAX) throw new RangeError(`a fit of ${String(width)} terms is too large (at most ${String(COLUMNS_MAX)})`)
  // Weighted by the value, so that a small cost counts as much as a large one.
  const weighted = rows.map((row, at) => row.map((cell) => cell / weightOf(values[at] ?? 0)))
  const targets = values.map((value) => value / weightOf(value))
  let best: { readonly found: readonly number[]; readonly error: number } = { found: new Array<number>(width).fill(0), error: squared(targets) }
  for (let subset = 1; subset < 2 ** width; subset++) {
    const columns = Array.from({ length: width }, (_, column) => column).filter((column) => (subset & (1 << column)) !== 0)
    const solution = leastSquares(weighted.map((row) => columns.map((column) => row[column] ?? 0)), targets)
    if (solution === undefined || solution.some((value) => value < 0)) continue
    const found = new Array<number>(width).fill(0)
    columns.forEach((column, at) => { found[column] = solution[at] ?? 0 })
    const error = squared(weighted.map((row, at) => row.reduce((sum, cell, column) => sum + cell * (found[column] ?? 0), 0) - (targets[at] ?? 0)))
    if (error < best.error) best = { found, error }
  }
  return best.found
}

function weightOf(value: number): number {
  return Math.max(Math.abs(value), 1e-9)
}

function squared(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value * value, 0)
}

/** Solves the normal equations, columns scaled to one length, by elimination with pivots; undefined when columns say the same. */
function leastSquares(rows: readonly (readonly number[])[], targets: readonly number[]): readonly number[] | undefined {
  const width = rows[0]?.length ?? 0
  const scales = Array.from({ length: width }, (_, column) => Math.sqrt(squared(rows.map((row) => row[column] ?? 0))))
  if (scales.some((scale) => scale === 0)) return undefined
  const cell = (row: readonly number[], column: number): number => (row[column] ?? 0) / (scales[column] ?? 1)
  const matrix = Array.from({ length: width }, (_, one) => [
    ...Array.from({ length: width }, (_other, other) => rows.reduce((sum, row) => sum + cell(row, one) * cell(row, other), 0)),
    rows.reduce((sum, row, at) => sum + cell(row, one) * (targets[at] ?? 0), 0),
  ])
  for (let column = 0; column < width; column++) {
    const pivot = Array.from({ length: width - column }, (_, below) => column + below).reduce((most, row) => (Math.abs(matrix[row]?.[column] ?? 0) > Math.abs(matrix[most]?.[column] ?? 0) ? row : most))
    const [upper, lower] = [matrix[column], matrix[pivot]]
    if (upper === undefined || lower === undefined || Math.abs(lower[column] ?? 0) < SINGULAR) return undefined
    ;[matrix[column], matrix[pivot]] = [lower, upper]
    matrix.forEach((row, at) => {
      if (at === column) return
      const factor = (row[column] ?? 0) / (lower[column] ?? 1)
      row.forEach((value, index) => { row[index] = value - factor * (lower[index] ?? 0) })
    })
  }
  return matrix.map((row, column) => (row[width] ?? 0) / (row[column] ?? 1) / (scales[column] ?? 1))
}
