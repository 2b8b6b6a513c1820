/** AssemblyScript's number types as TypeScript sees them where a kernel file is shared with the host. */
declare type u8 = number
declare type u16 = number
declare type u32 = number
declare type i32 = number
