noinst_LIBRARIES += libx86guest.a
libx86guest_a_SOURCES = %D%/x86-guest.h %D%/helpers.def %D%/decode.h %D%/insn.h \
	%D%/decode.c %D%/decode-map.h %D%/decode-map1.c %D%/decode-map0f.c %D%/decode-text.c \
	%D%/translate.c %D%/flags-ahead.c %D%/translate-operand.c %D%/insn-alu.c %D%/insn-mul.c \
	%D%/insn-shift.c %D%/insn-bit.c %D%/insn-mov.c %D%/insn-flow.c %D%/insn-str.c \
	%D%/insn-sys.c %D%/insn-cx16.c \
	%D%/x86-sys.h %D%/guest.c %D%/mode.c %D%/mmu.c %D%/exc.c %D%/seg.c %D%/msr.c %D%/sys-int.c \
	%D%/sys-far.c %D%/sys-task.c %D%/sys-call.c %D%/sys-desc.c %D%/sys-cr.c \
	%D%/sys-xsave.c %D%/sys-io.c \
	%D%/simd.h %D%/simd-table.c %D%/simd-op.c %D%/simd-mov.c %D%/simd-misc.c %D%/simd-pcmp.c \
	%D%/simd-mmx.c %D%/simd-x87.c %D%/simd-x87-ops.c %D%/simd-x87-mem.c %D%/simd-x87.h \
	%D%/simd-helper.c
libx86guest_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
