/**
 * What single numbers are read and written through while something in the memory is protected: each address is looked
 * at first. A heap's reads and writes take it in place of the `DataView`, so that the code of the fast paths is the same,
 * and costs nothing more, for who protects nothing.
 */
import type { ProtectionTable } from './protection.js'
import type { NumberView, Views } from './views.js'

export class ShieldedView implements NumberView {
  readonly #views: Views
  readonly #table: ProtectionTable

  constructor(views: Views, table: ProtectionTable) {
    this.#views = views
    this.#table = table
  }

  /** The view to read from. @throws ProtectionError */
  #read(at: number, bytes: number): DataView {
    this.#table.expectReadable('read', at, bytes)
    return this.#views.data
  }

  /** The view to write to. @throws ProtectionError */
  #write(at: number, bytes: number): DataView {
    this.#table.expectWritable('write', at, bytes)
    return this.#views.data
  }

  getInt8(at: number): number {
    return this.#read(at, 1).getInt8(at)
  }

  getUint8(at: number): number {
    return this.#read(at, 1).getUint8(at)
  }

  getInt16(at: number, isLittleEndian: boolean): number {
    return this.#read(at, 2).getInt16(at, isLittleEndian)
  }

  getUint16(at: number, isLittleEndian: boolean): number {
    return this.#read(at, 2).getUint16(at, isLittleEndian)
  }

  getInt32(at: number, isLittleEndian: boolean): number {
    return this.#read(at, 4).getInt32(at, isLittleEndian)
  }

  getUint32(at: number, isLittleEndian: boolean): number {
    return this.#read(at, 4).getUint32(at, isLittleEndian)
  }

  getBigInt64(at: number, isLittleEndian: boolean): bigint {
    return this.#read(at, 8).getBigInt64(at, isLittleEndian)
  }

  getBigUint64(at: number, isLittleEndian: boolean): bigint {
    return this.#read(at, 8).getBigUint64(at, isLittleEndian)
  }

  getFloat32(at: number, isLittleEndian: boolean): number {
    return this.#read(at, 4).getFloat32(at, isLittleEndian)
  }

  getFloat64(at: number, isLittleEndian: boolean): number {
    return this.#read(at, 8).getFloat64(at, isLittleEndian)
  }

  setInt8(at: number, value: number): void {
    this.#write(at, 1).setInt8(at, value)
  }

  setUint8(at: number, value: number): void {
    this.#write(at, 1).setUint8(at, value)
  }

  setInt16(at: number, value: number, isLittleEndian: boolean): void {
    this.#write(at, 2).setInt16(at, value, isLittleEndian)
  }

  setUint16(at: number, value: number, isLittleEndian: boolean): void {
    this.#write(at, 2).setUint16(at, value, isLittleEndian)
  }

  setInt32(at: number, value: number, isLittleEndian: boolean): void {
    this.#write(at, 4).setInt32(at, value, isLittleEndian)
  }

  setUint32(at: number, value: number, isLittleEndian: boolean): void {
    this.#write(at, 4).setUint32(at, value, isLittleEndian)
  }

  setBigInt64(at: number, value: bigint, isLittleEndian: boolean): void {
    this.#write(at, 8).setBigInt64(at, value, isLittleEndian)
  }

  setBigUint64(at: number, value: bigint, isLittleEndian: boolean): void {
    this.#write(at, 8).setBigUint64(at, value, isLittleEndian)
  }

  setFloat32(at: number, value: number, isLittleEndian: boolean): void {
    this.#write(at, 4).setFloat32(at, value, isLittleEndian)
  }

  setFloat64(at: number, value: number, isLittleEndian: boolean): void {
    this.#write(at, 8).setFloat64(at, value, isLittleEndian)
  }
}
