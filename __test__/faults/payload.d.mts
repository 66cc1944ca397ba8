interface Message {
  topic: string
  dataId: string
  key: string | null
  value: string | Buffer
  headers: [name: string, value: string | Buffer][]
  partition?: number
}
export const PASSWORD_CANARY: string
export function messageOf(topic: string, dataId: string): Message
export function valueOfCopy(message: Message): Buffer
