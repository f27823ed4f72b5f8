# Real KVM in an emulated machine, half of the cases each: they take longest, so first.
LAB_TESTS = %D%/kvm-1.sh %D%/kvm-2.sh
TESTS += $(LAB_TESTS)
EXTRA_DIST += $(LAB_TESTS) %D%/count %D%/guest-init %D%/kvm %D%/labtool.c %D%/lib.sh
