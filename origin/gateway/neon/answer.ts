import type { StatementResult } from './flight.ts'
import type { SqlRequest, Statement } from './request.ts'

/** Types that JSON can carry as themselves, when the client does not ask for raw text. */
const TO_JSON: ReadonlyMap<number, (text: string) => unknown> = new Map([
  [16, (text: string) => text === 't'],
  [21, Number],
  [23, Number],
  // NaN and the infinities are no JSON: they stay text.
  [700, (text: string) => (Number.isFinite(Number(text)) ? Number(text) : text)],
  [701, (text: string) => (Number.isFinite(Number(text)) ? Number(text) : text)],
  [114, (text: string) => JSON.parse(text) as unknown],
  [3802, (text: string) => JSON.parse(text) as unknown],
])

/** The JSON text that answers a request: one result, or `{"results":[…]}` for a batch. */
export function formatAnswer(request: SqlRequest, results: readonly StatementResult[]): string {
  const answers = results.map((result, index) => answerOf(result, request.statements[index]!, request.rawText))
  return JSON.stringify(request.begin === undefined ? answers[0] : { results: answers })
}

function answerOf(result: StatementResult, { arrayMode }: Statement, rawText: boolean): object {
  const { fields, command, rowCount } = result
  const rows = rawText ? result.rows : result.rows.map((row) => jsonValues(row, result))
  const names = fields.map(({ name }) => name)
  const shaped = arrayMode ? rows : rows.map((row) => Object.fromEntries(row.map((value, i) => [names[i]!, value])))
  return { fields, rows: shaped, command, rowCount, rowAsArray: arrayMode }
}

function jsonValues(row: readonly (string | null)[], { fields }: StatementResult): unknown[] {
  return row.map((text, index) => {
    const convert = TO_JSON.get(fields[index]!.dataTypeID)
    return text === null || convert === undefined ? text : convert(text)
  })
}
