//! The calls into the system's GSSAPI library (RFC 2744), and the only `unsafe` code of the crate.
//!
//! INVARIANT: every handle belongs to exactly one value here, which releases it once; a value is used by one thread at
//! a time, since all calls that change it take it by `&mut`; what the library allocates is copied and released at once.
#![expect(
    unsafe_code,
    reason = "the system's library speaks C; everything that does not is outside of this file"
)]

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

type Handle = *mut c_void;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct Bindings {
    initiator_type: u32,
    initiator: Buffer,
    acceptor_type: u32,
    acceptor: Buffer,
    application: Buffer,
}

// The declarations of RFC 2744, appendix A.
type ImportName = unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut Handle) -> u32;
type DisplayName = unsafe extern "C" fn(*mut u32, Handle, *mut Buffer, *mut *const Oid) -> u32;
type ReleaseHandle = unsafe extern "C" fn(*mut u32, *mut Handle) -> u32;
type ReleaseBuffer = unsafe extern "C" fn(*mut u32, *mut Buffer) -> u32;
type DeleteContext = unsafe extern "C" fn(*mut u32, *mut Handle, *mut Buffer) -> u32;
type AcquireCred = unsafe extern "C" fn(
    *mut u32,
    Handle,
    u32,
    *const OidSet,
    i32,
    *mut Handle,
    *mut *mut c_void,
    *mut u32,
) -> u32;
type InquireCred =
    unsafe extern "C" fn(*mut u32, Handle, *mut Handle, *mut u32, *mut i32, *mut *mut c_void) -> u32;
type InitContext = unsafe extern "C" fn(
    *mut u32,
    Handle,
    *mut Handle,
    Handle,
    *const Oid,
    u32,
    u32,
    *const Bindings,
    *const Buffer,
    *mut *const Oid,
    *mut Buffer,
    *mut u32,
    *mut u32,
) -> u32;
type Wrap = unsafe extern "C" fn(*mut u32, Handle, i32, u32, *const Buffer, *mut i32, *mut Buffer) -> u32;
type Unwrap = unsafe extern "C" fn(*mut u32, Handle, *const Buffer, *mut Buffer, *mut i32, *mut u32) -> u32;
type DisplayStatus = unsafe extern "C" fn(*mut u32, u32, i32, *const Oid, *mut u32, *mut Buffer) -> u32;

/// The library's calls.
pub(super) struct Library {
    import_name: ImportName,
    display_name: DisplayName,
    release_name: ReleaseHandle,
    release_cred: ReleaseHandle,
    release_buffer: ReleaseBuffer,
    delete_context: DeleteContext,
    acquire_cred: AcquireCred,
    inquire_cred: InquireCred,
    init_context: InitContext,
    wrap: Wrap,
    unwrap: Unwrap,
    display_status: DisplayStatus,
}

impl Library {
    /// The library, loaded once for the life of the process; else the names that were tried.
    pub(super) fn load() -> Result<&'static Self, String> {
        static LOADED: OnceLock<Option<Library>> = OnceLock::new();
        LOADED
            .get_or_init(|| NAMES.iter().find_map(|name| Self::open(name)))
            .as_ref()
            .ok_or_else(|| NAMES.join(", "))
    }

    fn open(name: &str) -> Option<Self> {
        // SAFETY: these are libraries of the system, whose constructors are made to run in any process; and the
        // symbols have the types that RFC 2744 gives to these names.
        unsafe {
            let library = libloading::Library::new(name).ok()?;
            let calls = Self {
                import_name: *library.get(c"gss_import_name").ok()?,
                display_name: *library.get(c"gss_display_name").ok()?,
                release_name: *library.get(c"gss_release_name").ok()?,
                release_cred: *library.get(c"gss_release_cred").ok()?,
                release_buffer: *library.get(c"gss_release_buffer").ok()?,
                delete_context: *library.get(c"gss_delete_sec_context").ok()?,
                acquire_cred: *library.get(c"gss_acquire_cred").ok()?,
                inquire_cred: *library.get(c"gss_inquire_cred").ok()?,
                init_context: *library.get(c"gss_init_sec_context").ok()?,
                wrap: *library.get(c"gss_wrap").ok()?,
                unwrap: *library.get(c"gss_unwrap").ok()?,
                display_status: *library.get(c"gss_display_status").ok()?,
            };
            // Never unloaded, so that the pointers stay good.
            std::mem::forget(library);
            Some(calls)
        }
    }

    /// A name, which is not looked up in the DNS: it is a principal's and no host's.
    fn name(&'static self, text: &str) -> Result<Name, Status> {
        let mut name = Name { library: self, handle: null_mut() };
        let mut minor = 0;
        // SAFETY: the input lives during the call; the handle is released by `Name`.
        let major = unsafe {
            (self.import_name)(&raw mut minor, &lent(text.as_bytes()), principal_name(), &raw mut name.handle)
        };
        self.check(major, minor)?;
        Ok(name)
    }

    fn check(&self, major: u32, minor: u32) -> Result<(), Status> {
        if major & ERRORS == 0 { Ok(()) } else { Err(self.status(major, minor)) }
    }

    fn status(&self, major: u32, minor: u32) -> Status {
        let mut text = self.words(minor, MECHANISM_CODE);
        if minor == 0 || text.is_empty() {
            text = self.words(major, GSS_CODE);
        }
        Status { major, minor, text }
    }

    fn words(&self, code: u32, kind: i32) -> String {
        let (mut minor, mut more) = (0, 0);
        let mut text = Owned { library: self, buffer: EMPTY };
        // SAFETY: all pointers live during the call; the text is released by `Owned`.
        unsafe {
            (self.display_status)(&raw mut minor, code, kind, krb5(), &raw mut more, &raw mut text.buffer);
        }
        String::from_utf8_lossy(&text.bytes()).into_owned()
    }
}

/// What a call said.
#[derive(Debug)]
pub(super) struct Status {
    major: u32,
    minor: u32,
    /// In the library's words.
    pub(super) text: String,
}

impl Status {
    /// The error of Kerberos behind it, as the protocol numbers them; above 127, those of the library.
    pub(super) fn kerberos_code(&self) -> Option<i32> {
        let code = i32::from_ne_bytes(self.minor.to_ne_bytes()).checked_sub(FIRST_KRB5_ERROR)?;
        (0..=255).contains(&code).then_some(code)
    }

    pub(super) fn is_expired(&self) -> bool {
        matches!(self.major & ERRORS, CREDENTIALS_EXPIRED | CONTEXT_EXPIRED)
    }

    /// Whether the message is an old one, a repeated one, or comes too early.
    pub(super) fn is_out_of_order(&self) -> bool {
        self.major & ERRORS == 0
    }
}

struct Name {
    library: &'static Library,
    handle: Handle,
}

impl Name {
    fn text(&self) -> Result<String, Status> {
        let (mut minor, mut kind) = (0, null());
        let mut text = Owned { library: self.library, buffer: EMPTY };
        // SAFETY: the name is alive; the text is released by `Owned`.
        let major = unsafe {
            (self.library.display_name)(&raw mut minor, self.handle, &raw mut text.buffer, &raw mut kind)
        };
        self.library.check(major, minor)?;
        Ok(String::from_utf8_lossy(&text.bytes()).into_owned())
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is this value's own; releasing none is allowed.
        unsafe { (self.library.release_name)(&raw mut minor, &raw mut self.handle) };
    }
}

/// A ticket that the library holds.
pub(super) struct Credential {
    library: &'static Library,
    handle: Handle,
}

// SAFETY: RFC 2744 handles may be used from any thread; this one is used by one at a time.
unsafe impl Send for Credential {}

impl Credential {
    pub(super) fn acquire(library: &'static Library, principal: Option<&str>) -> Result<Self, Status> {
        let name = principal.map(|principal| library.name(principal)).transpose()?;
        let wanted = name.as_ref().map_or(null_mut(), |name| name.handle);
        let mechanisms = OidSet { count: 1, elements: krb5() };
        let mut credential = Self { library, handle: null_mut() };
        let mut minor = 0;
        // SAFETY: name and mechanisms live during the call; the handle is released by `Credential`.
        let major = unsafe {
            (library.acquire_cred)(
                &raw mut minor,
                wanted,
                INDEFINITE,
                &raw const mechanisms,
                INITIATE,
                &raw mut credential.handle,
                null_mut(),
                null_mut(),
            )
        };
        library.check(major, minor)?;
        Ok(credential)
    }

    pub(super) fn library(&self) -> &'static Library {
        self.library
    }

    pub(super) fn name(&self) -> Result<String, Status> {
        let mut name = Name { library: self.library, handle: null_mut() };
        let mut minor = 0;
        // SAFETY: the credential is alive; the name is released by `Name`.
        let major = unsafe {
            (self.library.inquire_cred)(
                &raw mut minor,
                self.handle,
                &raw mut name.handle,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        self.library.check(major, minor)?;
        name.text()
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is this value's own; releasing none is allowed.
        unsafe { (self.library.release_cred)(&raw mut minor, &raw mut self.handle) };
    }
}

/// A security context, established or not yet.
pub(super) struct Context {
    library: &'static Library,
    handle: Handle,
    target: Name,
}

// SAFETY: RFC 2744 handles may be used from any thread; these are used by one at a time.
unsafe impl Send for Context {}

// SAFETY: nothing can be done to the handles through a shared reference.
unsafe impl Sync for Context {}

impl Context {
    pub(super) fn new(library: &'static Library, service: &str) -> Result<Self, Status> {
        Ok(Self { library, handle: null_mut(), target: library.name(service)? })
    }

    /// One leg: the token to send, and what was granted once it is over.
    pub(super) fn step(
        &mut self,
        credential: &Credential,
        bindings: Option<&[u8]>,
        input: &[u8],
    ) -> Result<(Vec<u8>, Option<u32>), Status> {
        let bindings = bindings.map(|application| Bindings {
            initiator_type: 0,
            initiator: EMPTY,
            acceptor_type: 0,
            acceptor: EMPTY,
            application: lent(application),
        });
        let input = lent(input);
        let mut output = Owned { library: self.library, buffer: EMPTY };
        let (mut minor, mut granted) = (0, 0);
        // SAFETY: all inputs live during the call; the output is released by `Owned`, the context by `Context`.
        let major = unsafe {
            (self.library.init_context)(
                &raw mut minor,
                credential.handle,
                &raw mut self.handle,
                self.target.handle,
                krb5(),
                REQUIRED | REPLAY | SEQUENCE,
                INDEFINITE,
                bindings.as_ref().map_or(null(), |bindings| bindings),
                &raw const input,
                null_mut(),
                &raw mut output.buffer,
                &raw mut granted,
                null_mut(),
            )
        };
        self.library.check(major, minor)?;
        Ok((output.bytes(), (major & CONTINUE == 0).then_some(granted)))
    }

    pub(super) fn wrap(&mut self, text: &[u8]) -> Result<Vec<u8>, Status> {
        let input = lent(text);
        let mut output = Owned { library: self.library, buffer: EMPTY };
        let (mut minor, mut sealed) = (0, 0);
        // SAFETY: the context is alive and the input lives during the call; the output is released by `Owned`.
        let major = unsafe {
            (self.library.wrap)(
                &raw mut minor,
                self.handle,
                1,
                0,
                &raw const input,
                &raw mut sealed,
                &raw mut output.buffer,
            )
        };
        if major != 0 || sealed == 0 {
            return Err(self.library.status(major, minor));
        }
        Ok(output.bytes())
    }

    /// The text, and whether it was encrypted.
    pub(super) fn unwrap(&mut self, token: &[u8]) -> Result<(Vec<u8>, bool), Status> {
        let input = lent(token);
        let mut output = Owned { library: self.library, buffer: EMPTY };
        let (mut minor, mut sealed) = (0, 0);
        // SAFETY: the context is alive and the input lives during the call; the output is released by `Owned`.
        let major = unsafe {
            (self.library.unwrap)(
                &raw mut minor,
                self.handle,
                &raw const input,
                &raw mut output.buffer,
                &raw mut sealed,
                null_mut(),
            )
        };
        // Bits outside of the errors say that the message is an old or a repeated one.
        if major == 0 { Ok((output.bytes(), sealed != 0)) } else { Err(self.library.status(major, minor)) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is this value's own; deleting none is allowed.
        unsafe { (self.library.delete_context)(&raw mut minor, &raw mut self.handle, null_mut()) };
    }
}

/// A buffer that the library allocated.
struct Owned<'a> {
    library: &'a Library,
    buffer: Buffer,
}

impl Owned<'_> {
    fn bytes(&self) -> Vec<u8> {
        if self.buffer.value.is_null() || self.buffer.length == 0 {
            return Vec::new();
        }
        // SAFETY: the library says that so many bytes are there, and they are until the buffer is released.
        unsafe { std::slice::from_raw_parts(self.buffer.value.cast::<u8>(), self.buffer.length) }.to_vec()
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the library allocated it; releasing an empty one is allowed.
        unsafe { (self.library.release_buffer)(&raw mut minor, &raw mut self.buffer) };
    }
}

/// A buffer that the library may read during one call.
fn lent(bytes: &[u8]) -> Buffer {
    Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
}

const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

/// Kerberos 5 (1.2.840.113554.1.2.2).
fn krb5() -> &'static Oid {
    const KRB5: Oid = Oid { length: 9, elements: b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02".as_ptr().cast() };
    &KRB5
}

/// `GSS_KRB5_NT_PRINCIPAL_NAME` (1.2.840.113554.1.2.2.1).
fn principal_name() -> &'static Oid {
    const NAME: Oid =
        Oid { length: 10, elements: b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01".as_ptr().cast() };
    &NAME
}

/// Mutual authentication, confidentiality and integrity.
pub(super) const REQUIRED: u32 = 2 | 16 | 32;
const REPLAY: u32 = 4;
const SEQUENCE: u32 = 8;
const INITIATE: i32 = 1;
const INDEFINITE: u32 = u32::MAX;
const GSS_CODE: i32 = 1;
const MECHANISM_CODE: i32 = 2;
const CONTINUE: u32 = 1;
/// The bits of a status that say an error.
const ERRORS: u32 = 0xffff_0000;
const CREDENTIALS_EXPIRED: u32 = 11 << 16;
const CONTEXT_EXPIRED: u32 = 12 << 16;
/// Where the library's table of errors begins; the first 128 are those of the protocol.
const FIRST_KRB5_ERROR: i32 = -1_765_328_384;
/// `KRB5_KDC_UNREACH`.
pub(super) const KDC_UNREACHABLE: i32 = 156;

/// MIT first, then Heimdal, by the names of Linux, macOS and the BSDs.
const NAMES: &[&str] = if cfg!(target_os = "macos") {
    &[
        "/System/Library/Frameworks/GSS.framework/GSS",
        "/opt/homebrew/opt/krb5/lib/libgssapi_krb5.dylib",
        "/usr/local/opt/krb5/lib/libgssapi_krb5.dylib",
    ]
} else {
    &["libgssapi_krb5.so.2", "libgssapi_krb5.so", "libgssapi.so.3", "libgssapi.so.10", "libgssapi.so"]
};
