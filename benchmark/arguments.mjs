/** `--name value` by the types of the defaults: numbers, lists by comma, `--no-name` for what is on. */
export function readOptions(given, defaults) {
  const options = { ...defaults }
  for (let at = 0; at < given.length; at++) {
    const flag = /^--(no-)?([a-z-]+)$/.exec(given[at])
    const name = flag?.[2].replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase())
    if (!flag || !(name in defaults)) throw new Error(`unknown: ${given[at]}; known: ${names(defaults)}`)
    const standard = defaults[name]
    if (typeof standard === 'boolean') {
      options[name] = flag[1] === undefined
      continue
    }
    const text = given[++at]
    if (text === undefined) throw new Error(`${flag[0]} needs a value`)
    if (Array.isArray(standard)) options[name] = text.split(',').map((one) => like(standard[0], one, flag[0]))
    else options[name] = like(standard, text, flag[0])
  }
  return options
}

function like(standard, text, flag) {
  if (typeof standard !== 'number') return text
  const number = Number(text.replaceAll('_', ''))
  if (!(number >= 0)) throw new Error(`${flag}: ${text} is no number`)
  return number
}

function names(defaults) {
  return Object.keys(defaults)
    .map((name) => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
    .join(' ')
}
