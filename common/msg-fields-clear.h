/* SPDX-License-Identifier: ISC */
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef END_MESSAGE
#undef U8
#undef U16
#undef U32
#undef U64
#undef STRING
#undef REC
#undef LIST
