/** What the person at the terminal sees: sentences, and a bar while something takes its time. */

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

const WIDTH = 28

/** Draws progress in place on a terminal; elsewhere one line a label. */
export function sayProgress(done: number, total: number, label: string): void {
  if (!process.stdout.isTTY) {
    if (done === total) say(`  ${label}: ${total}`)
    return
  }
  const filled = total === 0 ? WIDTH : Math.round((done / total) * WIDTH)
  const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled)
  process.stdout.write(`\r  ${bar} ${label} ${done}/${total}\u001b[K${done === total ? '\n' : ''}`)
}
