# Real KVM in an emulated machine. That is so slow that on a busy machine its guests do little
# but serve their timers (whichever VMM runs them): the two halves come last, one at a time.
LAB_TESTS = %D%/kvm-1.sh %D%/kvm-2.sh
TESTS += $(LAB_TESTS)
%D%/kvm-1.sh.log: $(filter-out %D%/%, $(TEST_LOGS))
%D%/kvm-2.sh.log: $(filter %D%/kvm-1.sh.log, $(TEST_LOGS))
EXTRA_DIST += $(LAB_TESTS) %D%/count %D%/guest-init %D%/kvm %D%/labtool.c %D%/lib.sh
